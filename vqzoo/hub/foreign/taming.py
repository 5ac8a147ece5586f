"""VQGAN as published in CompVis/taming-transformers (arXiv:2012.09841), and latent diffusion's VQ with equal keys."""

from vqzoo.hub.foreign.files import Checkpoint
from vqzoo.hub.foreign.transfer import Transfer, length
from vqzoo.hub.foreign.vqgan import ATTENTION, CODEBOOK, RESIDUAL, Half, Names, copy_network, settings_of
from vqzoo.tokenizer import Tokenizer

NAMES = Names(
    encoder=Half(
        conv_in="encoder.conv_in",
        block="encoder.down.{scale}.block.{block}",
        attention="encoder.down.{scale}.attn.{block}",
        resample="encoder.down.{scale}.downsample.conv",
        middle=("encoder.mid.block_1", "encoder.mid.attn_1", "encoder.mid.block_2"),
        norm="encoder.norm_out",
        conv_out="encoder.conv_out",
    ),
    decoder=Half(
        conv_in="decoder.conv_in",
        block="decoder.up.{scale}.block.{block}",
        attention="decoder.up.{scale}.attn.{block}",
        resample="decoder.up.{scale}.upsample.conv",
        middle=("decoder.mid.block_1", "decoder.mid.attn_1", "decoder.mid.block_2"),
        norm="decoder.norm_out",
        conv_out="decoder.conv_out",
    ),
    residual=RESIDUAL,
    attention=ATTENTION,
)
DROPPED = ("loss.", "model_ema.", "colorize")
"""LPIPS and the discriminator, moving averages that its evaluation does not use, and colours of segmentation maps."""

SIGN = f"keys encoder.down.0.block.0.* and {CODEBOOK}"


def matches(checkpoint: Checkpoint) -> bool:
    """Return whether the keys are those of VQGAN."""
    return {"encoder.down.0.block.0.conv1.weight", CODEBOOK} <= checkpoint.tensors.keys()


def convert(checkpoint: Checkpoint, resolution: int) -> Tokenizer:
    """Convert a VQGAN to a tokenizer with quantizer "vq"."""
    autoencoder = settings_of(checkpoint, NAMES)
    quantizer = {"name": "vq", "codebook_size": length(checkpoint, CODEBOOK), "start": "uniform", "revival": "none"}
    transfer = Transfer(checkpoint, resolution, autoencoder, quantizer)
    copy_network(transfer, NAMES)
    transfer.copy("quantizer.codebook.weight", CODEBOOK)
    return transfer.finish(DROPPED)
