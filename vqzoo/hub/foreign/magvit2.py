"""Open-MAGVIT2's image tokenizers as published in TencentARC/SEED-Voken (arXiv:2409.04410), which quantize to signs."""

from typing import Any

import torch
from torch import Tensor

from vqzoo.autoencoders.blocks import ResidualBlock
from vqzoo.autoencoders.magvit2 import AdaptiveNorm
from vqzoo.hub.foreign.files import Checkpoint
from vqzoo.hub.foreign.transfer import Transfer, averaged, count, length, scaled
from vqzoo.tokenizer import Tokenizer

BLOCK = "encoder.down.{scale}.block.{block}"
NAMES = {
    "encoder": {"block": BLOCK, "resample": "encoder.down.{scale}.downsample", "middle": "encoder.mid_block.{block}"},
    "decoder": {
        "block": "decoder.up.{scale}.block.{block}",
        "adaptive": "decoder.adaptive.{scale}",
        "resample": "decoder.up.{scale}.upsample.conv1",
        "middle": "decoder.mid_block.{block}",
    },
}
"""Their names of the parts in our `layers`; {scale} 0 is the finest. Other names are equal to ours."""
ADAPTIVE = {"scale": "gamma", "shift": "beta"}
DROPPED = ("loss.", "model_ema.", "quantize.mask", "quantize.zero", "quantize.codebook")
"""LPIPS and the discriminator, moving averages after `averaged`, and tables of the signs of every index."""

SIGN = "keys encoder.down.0.block.0.* and decoder.adaptive.0.gamma.weight"


def matches(checkpoint: Checkpoint) -> bool:
    """Return whether the keys are those of Open-MAGVIT2."""
    keys = {f"{BLOCK.format(scale=0, block=0)}.conv1.weight", "decoder.adaptive.0.gamma.weight"}
    return keys <= checkpoint.tensors.keys()


def convert(checkpoint: Checkpoint, resolution: int) -> Tokenizer:
    """Convert Open-MAGVIT2, with the moving averages of the weights, which its authors evaluate, if there are any."""
    checkpoint = averaged(checkpoint)

    def key(scale: int, block: int) -> str:
        return f"{BLOCK.format(scale=scale, block=block)}.conv1.weight"

    scales, blocks = count(checkpoint, lambda scale: key(scale, 0)), count(checkpoint, lambda block: key(0, block))
    bits = length(checkpoint, "encoder.conv_out.weight")
    settings = {
        "name": "magvit2",
        "channels": length(checkpoint, "encoder.conv_in.weight", 1),
        "latent_dim": bits,
        **scaled([length(checkpoint, key(scale, 0)) for scale in range(scales)]),
        "blocks": blocks,
        "groups": 32,
    }
    transfer = Transfer(checkpoint, resolution, settings, {"name": "lfq", "bits": bits})
    autoencoder: Any = transfer.tokenizer.autoencoder
    for half in ("encoder", "decoder"):
        ours = f"autoencoder.{half}"
        transfer.layer(f"{ours}.conv_in", f"{half}.conv_in", bias=half == "decoder")
        names = _order(half, scales, blocks)
        for number, (layer, theirs) in enumerate(zip(getattr(autoencoder, half).layers, names, strict=True)):
            _copy_part(transfer, f"{ours}.layers.{number}", layer, theirs)
        transfer.layer(f"{ours}.norm", f"{half}.norm_out")
        transfer.layer(f"{ours}.conv_out", f"{half}.conv_out")
    return transfer.finish(DROPPED)


def _order(half: str, scales: int, blocks: int) -> list[str]:
    """Return their names of the layers of the encoder or decoder, in the order of ours."""
    names = NAMES[half]
    middle = [names["middle"].format(block=block) for block in range(blocks)]
    order = []
    for scale in range(scales) if half == "encoder" else reversed(range(scales)):
        if half == "decoder":
            order.append(names["adaptive"].format(scale=scale))
        order += [names["block"].format(scale=scale, block=block) for block in range(blocks)]
        if scale != (scales - 1 if half == "encoder" else 0):
            order.append(names["resample"].format(scale=scale))
    return order + middle if half == "encoder" else middle + order


def _copy_part(transfer: Transfer, ours: str, layer: object, theirs: str) -> None:
    if isinstance(layer, ResidualBlock):
        for part in ("norm1", "norm2"):
            transfer.layer(f"{ours}.{part}", f"{theirs}.{part}")
        for part in ("conv1", "conv2"):
            transfer.layer(f"{ours}.{part}", f"{theirs}.{part}", bias=False)
        if layer.conv1.in_channels != layer.conv1.out_channels:
            transfer.layer(f"{ours}.skip", f"{theirs}.nin_shortcut", bias=False)
    elif isinstance(layer, AdaptiveNorm):
        for part, name in ADAPTIVE.items():
            transfer.layer(f"{ours}.{part}", f"{theirs}.{name}")
    elif theirs.endswith(".conv1"):
        transfer.layer(f"{ours}.0", theirs, change=_channels_first)
    else:
        transfer.layer(ours, theirs)


def _channels_first(tensor: Tensor) -> Tensor:
    """Reorder the first axis of a weight (4c, ...) or bias (4c,) from (row, column, channel) to (channel, row, column).

    Rows and columns are those of 2 x 2 blocks of pixels; torch's pixel shuffle expects channels first.
    """
    return torch.unflatten(tensor, 0, (4, -1)).transpose(0, 1).flatten(0, 1)
