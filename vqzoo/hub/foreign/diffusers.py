"""`VQModel` of diffusers, MoVQ included: config.json and diffusion_pytorch_model.safetensors."""

from typing import Any

from vqzoo.hub.foreign.files import Checkpoint
from vqzoo.hub.foreign.transfer import Transfer, scaled
from vqzoo.hub.foreign.vqgan import CODEBOOK, Half, Names, copy_network
from vqzoo.ops.check import check_choice
from vqzoo.tokenizer import Tokenizer

NAMES = Names(
    encoder=Half(
        conv_in="encoder.conv_in",
        block="encoder.down_blocks.{scale}.resnets.{block}",
        attention="encoder.down_blocks.{scale}.attentions.{block}",
        resample="encoder.down_blocks.{scale}.downsamplers.0.conv",
        middle=("encoder.mid_block.resnets.0", "encoder.mid_block.attentions.0", "encoder.mid_block.resnets.1"),
        norm="encoder.conv_norm_out",
        conv_out="encoder.conv_out",
    ),
    decoder=Half(
        conv_in="decoder.conv_in",
        block="decoder.up_blocks.{stage}.resnets.{block}",
        attention="decoder.up_blocks.{stage}.attentions.{block}",
        resample="decoder.up_blocks.{stage}.upsamplers.0.conv",
        middle=("decoder.mid_block.resnets.0", "decoder.mid_block.attentions.0", "decoder.mid_block.resnets.1"),
        norm="decoder.conv_norm_out",
        conv_out="decoder.conv_out",
    ),
    residual={"norm1": "norm1", "conv1": "conv1", "norm2": "norm2", "conv2": "conv2", "skip": "conv_shortcut"},
    attention={
        "norm": "group_norm",
        "spatial": "spatial_norm",
        "query": "to_q",
        "key": "to_k",
        "value": "to_v",
        "out": "to_out.0",
    },
    spatial_norm={"norm": "norm_layer", "scale": "conv_y", "shift": "conv_b"},
)
OLD = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""Names of attention's parts before diffusers 0.14 -> current names."""
DROPPED = ()

DEFAULTS: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D"],
    "block_out_channels": [64],
    "layers_per_block": 1,
    "act_fn": "silu",
    "latent_channels": 3,
    "num_vq_embeddings": 256,
    "norm_num_groups": 32,
    "vq_embed_dim": None,
    "norm_type": "group",
    "mid_block_add_attention": True,
}
"""Settings that reconstructions depend on, and their defaults, as older configurations lack some."""
IGNORED = ("sample_size", "scaling_factor", "lookup_from_codebook", "force_upcast")
"""Settings that matter only to latent diffusion, to decoding without quantization, or to float16."""

SIGN = '"_class_name": "VQModel" in config.json'


def matches(checkpoint: Checkpoint) -> bool:
    """Return whether config.json names the class VQModel."""
    return checkpoint.config.get("_class_name") == "VQModel"


def convert(checkpoint: Checkpoint, resolution: int) -> Tokenizer:
    """Convert a VQModel to a tokenizer with quantizer "vq"."""
    autoencoder, settings = _settings(checkpoint)
    quantizer = {"name": "vq", "codebook_size": settings["num_vq_embeddings"], "start": "uniform", "revival": "none"}
    transfer = Transfer(_renamed(checkpoint), resolution, autoencoder, quantizer)
    copy_network(transfer, NAMES)
    transfer.copy("quantizer.codebook.weight", CODEBOOK)
    return transfer.finish(DROPPED)


def _settings(checkpoint: Checkpoint) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (settings of our autoencoder, settings of their VQModel)."""
    if not matches(checkpoint):
        raise ValueError(f"{checkpoint.name}: expected a folder with {SIGN} beside the weights")
    given = {key: value for key, value in checkpoint.config.items() if not key.startswith("_") and key not in IGNORED}
    for key in given:
        check_choice("setting of VQModel", key, DEFAULTS)
    theirs = DEFAULTS | given
    down, up, widths = (theirs[key] for key in ("down_block_types", "up_block_types", "block_out_channels"))
    if not all(isinstance(each, list) and len(each) == len(widths) for each in (widths, down, up)) or not all(
        type(width) is int and width > 0 for width in widths
    ):
        raise ValueError(
            f"block_out_channels={widths!r}, down_block_types={down!r}, up_block_types={up!r}: "
            "expected three lists of one length, the first of whole numbers above 0"
        )
    for kinds, plain, attended in (
        (down, "DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        (up, "UpDecoderBlock2D", "AttnUpDecoderBlock2D"),
    ):
        for kind in kinds:
            check_choice("block type of VQModel", kind, [plain, attended])
    attention = [kind.startswith("Attn") for kind in down]
    if attention != [kind.startswith("Attn") for kind in reversed(up)]:
        raise ValueError(f"down_block_types={down!r} and up_block_types={up!r}: expected attention at the same scales")
    check_choice("act_fn of VQModel", theirs["act_fn"], ["silu", "swish"])
    spatial = check_choice("norm_type of VQModel", theirs["norm_type"], ["group", "spatial"]) == "spatial"
    if spatial and theirs["norm_num_groups"] != 32:
        raise ValueError(f"norm_num_groups={theirs['norm_num_groups']!r}: expected 32 with norm_type='spatial'")
    if theirs["in_channels"] != theirs["out_channels"]:
        raise ValueError(f"out_channels={theirs['out_channels']!r}: expected as many as in_channels")
    ours = {
        "name": "movq" if spatial else "vqgan",
        "channels": theirs["in_channels"],
        "latent_dim": theirs["vq_embed_dim"] or theirs["latent_channels"],
        "inner_dim": theirs["latent_channels"],
        **scaled(widths),
        "blocks": theirs["layers_per_block"],
        "attention": [2**scale for scale, attended in enumerate(attention) if attended],
        "middle_attention": theirs["mid_block_add_attention"],
        "groups": theirs["norm_num_groups"],
    }
    return ours, theirs


def _renamed(checkpoint: Checkpoint) -> Checkpoint:
    tensors = {}
    for key, tensor in checkpoint.tensors.items():
        for old, new in OLD.items():
            key = key.replace(old, new) if ".attentions." in key else key
        tensors[key] = tensor
    return Checkpoint(checkpoint.name, tensors, checkpoint.size, checkpoint.config)
