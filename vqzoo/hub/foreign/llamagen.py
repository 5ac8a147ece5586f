"""LlamaGen's tokenizers as published in FoundationVision/LlamaGen (arXiv:2406.06525): codevectors of length 1."""

from vqzoo.hub.foreign.files import Checkpoint
from vqzoo.hub.foreign.transfer import Transfer, length
from vqzoo.hub.foreign.vqgan import ATTENTION, CODEBOOK, RESIDUAL, Half, Names, copy_network, settings_of
from vqzoo.tokenizer import Tokenizer

NAMES = Names(
    encoder=Half(
        conv_in="encoder.conv_in",
        block="encoder.conv_blocks.{scale}.res.{block}",
        attention="encoder.conv_blocks.{scale}.attn.{block}",
        resample="encoder.conv_blocks.{scale}.downsample.conv",
        middle=("encoder.mid.0", "encoder.mid.1", "encoder.mid.2"),
        norm="encoder.norm_out",
        conv_out="encoder.conv_out",
    ),
    decoder=Half(
        conv_in="decoder.conv_in",
        block="decoder.conv_blocks.{stage}.res.{block}",
        attention="decoder.conv_blocks.{stage}.attn.{block}",
        resample="decoder.conv_blocks.{stage}.upsample.conv",
        middle=("decoder.mid.0", "decoder.mid.1", "decoder.mid.2"),
        norm="decoder.norm_out",
        conv_out="decoder.conv_out",
    ),
    residual=RESIDUAL,
    attention=ATTENTION,
)
DROPPED = ("quantize.codebook_used",)
"""The last indices of training, from which LlamaGen logs usage."""

SIGN = "keys encoder.conv_blocks.0.res.0.*"


def matches(checkpoint: Checkpoint) -> bool:
    """Return whether the keys are those of LlamaGen."""
    return "encoder.conv_blocks.0.res.0.conv1.weight" in checkpoint.tensors


def convert(checkpoint: Checkpoint, resolution: int) -> Tokenizer:
    """Convert a LlamaGen tokenizer; latents and codevectors are normalized, as in all published ones."""
    autoencoder = settings_of(checkpoint, NAMES)
    size, code_dim = length(checkpoint, CODEBOOK), autoencoder["latent_dim"]
    quantizer = {"name": "factorized", "codebook_size": size, "code_dim": code_dim}
    transfer = Transfer(checkpoint, resolution, autoencoder, quantizer)
    copy_network(transfer, NAMES)
    transfer.copy("quantizer.quantizer.codebook.weight", CODEBOOK)
    return transfer.finish(DROPPED)
