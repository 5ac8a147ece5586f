"""IBQ as published in TencentARC/SEED-Voken (arXiv:2412.02692): VQGAN's keys, with another quantizer."""

from vqzoo.hub.foreign import taming
from vqzoo.hub.foreign.files import Checkpoint
from vqzoo.hub.foreign.transfer import Transfer, averaged, length
from vqzoo.hub.foreign.vqgan import CODEBOOK, copy_network, settings_of
from vqzoo.tokenizer import Tokenizer

DROPPED = ("loss.", "model_ema.", "colorize")

SIGN = f"{taming.SIGN}, four blocks a scale"


def matches(checkpoint: Checkpoint) -> bool:
    """Return whether the keys are those of IBQ."""
    return taming.matches(checkpoint) and "encoder.down.0.block.3.conv1.weight" in checkpoint.tensors


def convert(checkpoint: Checkpoint, resolution: int) -> Tokenizer:
    """Convert IBQ, with the moving averages of the weights, which its authors evaluate, if the file has them."""
    checkpoint = averaged(checkpoint)
    autoencoder = settings_of(checkpoint, taming.NAMES)
    quantizer = {"name": "ibq", "codebook_size": length(checkpoint, CODEBOOK)}
    transfer = Transfer(checkpoint, resolution, autoencoder, quantizer)
    copy_network(transfer, taming.NAMES)
    transfer.copy("quantizer.weight", CODEBOOK)
    return transfer.finish(DROPPED)
