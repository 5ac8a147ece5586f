"""Conversion of VQGAN's network for families that differ only in the names of its parts, given by `Names`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from vqzoo.autoencoders.blocks import Attention, PlainNorm, ResidualBlock, SpatialNorm
from vqzoo.hub.foreign.files import Checkpoint
from vqzoo.hub.foreign.transfer import Transfer, count, length, scaled


@dataclass(frozen=True)
class Half:
    """Names in the encoder or decoder; {scale} is 0 at the finest, {stage} at the coarsest, {block} counts in each."""

    conv_in: str
    block: str
    attention: str
    resample: str
    middle: tuple[str, str, str]
    norm: str
    conv_out: str


@dataclass(frozen=True)
class Names:
    """Names of all parts; residual, attention and spatial_norm map our names to theirs."""

    encoder: Half
    decoder: Half
    residual: Mapping[str, str]
    attention: Mapping[str, str]
    spatial_norm: Mapping[str, str] = field(default_factory=dict)
    encoder_project: str = "quant_conv"
    decoder_project: str = "post_quant_conv"


CODEBOOK = "quantize.embedding.weight"
RESIDUAL = {"norm1": "norm1", "conv1": "conv1", "norm2": "norm2", "conv2": "conv2", "skip": "nin_shortcut"}
ATTENTION = {"norm": "norm", "query": "q", "key": "k", "value": "v", "out": "proj_out"}


def settings_of(checkpoint: Checkpoint, names: Names) -> dict[str, Any]:
    """Return the autoencoder's settings from keys and shapes; the number of groups, which no shape tells, is 32."""
    half, conv1 = names.encoder, f"{names.residual['conv1']}.weight"

    def key(scale: int, block: int) -> str:
        return f"{half.block.format(scale=scale, block=block)}.{conv1}"

    scales = count(checkpoint, lambda scale: key(scale, 0))
    query = f"{names.attention['query']}.weight"
    attended = [
        2**scale
        for scale in range(scales)
        if f"{half.attention.format(scale=scale, block=0)}.{query}" in checkpoint.tensors
    ]
    return {
        "name": "vqgan",
        "channels": length(checkpoint, f"{half.conv_in}.weight", 1),
        "latent_dim": length(checkpoint, f"{names.encoder_project}.weight"),
        "inner_dim": length(checkpoint, f"{half.conv_out}.weight"),
        **scaled([length(checkpoint, key(scale, 0)) for scale in range(scales)]),
        "blocks": count(checkpoint, lambda block: key(0, block)),
        "attention": attended,
        "groups": 32,
    }


def copy_network(transfer: Transfer, names: Names) -> None:
    """Copy all tensors except those of the quantizer."""
    autoencoder: Any = transfer.tokenizer.autoencoder
    settings = autoencoder.config
    for which, half in (("encoder", names.encoder), ("decoder", names.decoder)):
        ours = f"autoencoder.{which}"
        network = getattr(autoencoder, which)
        transfer.layer(f"{ours}.conv_in", half.conv_in)
        for number, (layer, theirs) in enumerate(zip(network.layers, _order(half, which, settings), strict=True)):
            _copy_part(transfer, names, f"{ours}.layers.{number}", layer, theirs)
        _copy_norm(transfer, names, f"{ours}.norm", network.norm, half.norm)
        transfer.layer(f"{ours}.conv_out", half.conv_out)
    transfer.layer("autoencoder.encoder.project", names.encoder_project)
    transfer.layer("autoencoder.decoder.project", names.decoder_project)


def _order(half: Half, which: str, settings: dict[str, Any]) -> Iterator[str]:
    """Yield their names of the layers of the encoder or decoder, in the order of ours."""
    scales, blocks = len(settings["multipliers"]), settings["blocks"]
    middle = [name for name in half.middle if settings["middle_attention"] or name != half.middle[1]]
    if which == "decoder":
        yield from middle
    for scale in range(scales) if which == "encoder" else reversed(range(scales)):
        where = {"scale": scale, "stage": scales - 1 - scale}
        for block in range(blocks + (which == "decoder")):
            yield half.block.format(**where, block=block)
            if 2**scale in settings["attention"]:
                yield half.attention.format(**where, block=block)
        if scale != (scales - 1 if which == "encoder" else 0):
            yield half.resample.format(**where)
    if which == "encoder":
        yield from middle


def _copy_part(transfer: Transfer, names: Names, ours: str, layer: nn.Module, theirs: str) -> None:
    if isinstance(layer, ResidualBlock):
        for part, name in names.residual.items():
            module = getattr(layer, part)
            if part.startswith("norm"):
                _copy_norm(transfer, names, f"{ours}.{part}", module, f"{theirs}.{name}")
            elif not isinstance(module, nn.Identity):
                transfer.layer(f"{ours}.{part}", f"{theirs}.{name}")
    elif isinstance(layer, Attention):
        query, key, value = (f"{theirs}.{names.attention[part]}" for part in ("query", "key", "value"))
        norm = names.attention["spatial" if isinstance(layer.norm, SpatialNorm) else "norm"]
        _copy_norm(transfer, names, f"{ours}.norm", layer.norm, f"{theirs}.{norm}")
        transfer.layer(f"{ours}.qkv", query, key, value)
        transfer.layer(f"{ours}.out", f"{theirs}.{names.attention['out']}")
    else:
        transfer.layer(ours, theirs)


def _copy_norm(transfer: Transfer, names: Names, ours: str, layer: nn.Module, theirs: str) -> None:
    if isinstance(layer, SpatialNorm):
        for part, name in names.spatial_norm.items():
            transfer.layer(f"{ours}.{part}", f"{theirs}.{name}")
    else:
        assert isinstance(layer, PlainNorm)
        transfer.layer(ours, theirs)
