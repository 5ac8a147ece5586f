"""VQGAN's autoencoder (Esser et al., 2021, arXiv:2012.09841) and MoVQ's (Zheng et al., 2022, arXiv:2209.09002)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.autoencoders.blocks import (
    Attention,
    Downsample,
    Norm,
    PlainNorm,
    ResidualBlock,
    SpatialNorm,
    Upsample,
    initialise,
)
from vqzoo.ops.check import check_flag, check_int


@dataclass(frozen=True)
class Shape:
    """Sizes from which both halves are built; `widths` are those of the scales, finest first."""

    channels: int
    latent_dim: int
    inner_dim: int
    widths: list[int]
    blocks: int
    attention: tuple[int, ...]
    middle_attention: bool


class Encoder(nn.Module):
    """Encoder: residual blocks at every scale, then residual, attention, residual at the coarsest."""

    def __init__(self, shape: Shape, norm: Norm):
        super().__init__()
        width = shape.widths[0]
        self.conv_in = nn.Conv2d(shape.channels, width, 3, padding=1)
        layers: list[nn.Module] = []
        for scale, out in enumerate(shape.widths):
            for _ in range(shape.blocks):
                layers.append(ResidualBlock(width, out, 0, norm))
                width = out
                if 2**scale in shape.attention:
                    layers.append(Attention(width, 0, norm))
            if scale < len(shape.widths) - 1:
                layers.append(Downsample(width))
        layers.append(ResidualBlock(width, width, 0, norm))
        if shape.middle_attention:
            layers.append(Attention(width, 0, norm))
        self.layers = nn.Sequential(*layers, ResidualBlock(width, width, 0, norm))
        self.norm = norm(width, 0)
        self.conv_out = nn.Conv2d(width, shape.inner_dim, 3, padding=1)
        self.project = nn.Conv2d(shape.inner_dim, shape.latent_dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (b, channels, H, W) to latents (b, latent_dim, h, w)."""
        latents: Tensor = self.project(self.conv_out(F.silu(self.norm(self.layers(self.conv_in(images))))))
        return latents


class Decoder(nn.Module):
    """Decoder: the encoder's mirror image with one more residual block at every scale."""

    def __init__(self, shape: Shape, norm: Norm):
        super().__init__()
        width = shape.widths[-1]
        self.project = nn.Conv2d(shape.latent_dim, shape.inner_dim, 1)
        self.conv_in = nn.Conv2d(shape.inner_dim, width, 3, padding=1)

        def residual(out: int) -> ResidualBlock:
            return ResidualBlock(width, out, shape.latent_dim, norm)

        layers: list[nn.Module] = [residual(width), residual(width)]
        if shape.middle_attention:
            layers.insert(1, Attention(width, shape.latent_dim, norm))
        for scale, out in reversed(list(enumerate(shape.widths))):
            for _ in range(shape.blocks + 1):
                layers.append(residual(out))
                width = out
                if 2**scale in shape.attention:
                    layers.append(Attention(width, shape.latent_dim, norm))
            if scale > 0:
                layers.append(Upsample(width))
        self.layers = nn.ModuleList(layers)
        self.norm = norm(width, shape.latent_dim)
        self.conv_out = nn.Conv2d(width, shape.channels, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (b, latent_dim, h, w) to images (b, channels, H, W)."""
        x = self.conv_in(self.project(latents))
        for layer in self.layers:
            x = layer(x, latents)
        images: Tensor = self.conv_out(F.silu(self.norm(x, latents)))
        return images


class VQGANAutoencoder(Autoencoder):
    """Residual blocks with group normalization, and attention where the grid is small; no output activation.

    `multipliers` are the widths of the scales in units of `width`, finest first; n of them give stride 2^(n - 1).
    `blocks` is the number of residual blocks at each scale of the encoder; the decoder has one more. `attention` lists
    the strides at which attention follows every residual block; it also stands in the middle unless `middle_attention`
    is False. `inner_dim` is the number of channels between the network and the 1x1 convolutions beside the quantizer,
    None meaning `latent_dim`. `groups` is that of every norm, None meaning the default of `PlainNorm`. The defaults are
    the published network for 16 x 16 latents of 256 x 256 images.
    """

    encoder_type: type[Encoder] = Encoder
    decoder_type: type[Decoder] = Decoder
    norm: Callable[..., nn.Module] = PlainNorm

    def __init__(
        self,
        channels: int = 3,
        latent_dim: int = 256,
        width: int = 128,
        multipliers: tuple[int, ...] = (1, 1, 2, 2, 4),
        blocks: int = 2,
        attention: tuple[int, ...] = (16,),
        middle_attention: bool = True,
        inner_dim: int | None = None,
        groups: int | None = None,
    ):
        widths = check_widths(width, multipliers, groups)
        super().__init__(channels, latent_dim, (2 ** (len(widths) - 1),))
        inner = self.latent_dim if inner_dim is None else check_int("inner_dim", inner_dim, 1, 4096)
        check_int("blocks", blocks, 1, 64)
        possible = [2**scale for scale in range(len(widths))]
        if not isinstance(attention, (tuple, list)) or not set(attention) <= set(possible):
            raise ValueError(f"attention={attention!r}: expected strides out of {', '.join(map(str, possible))}")
        middle = check_flag("middle_attention", middle_attention)
        shape = Shape(self.channels, self.latent_dim, inner, widths, blocks, tuple(attention), middle)
        self.encoder = self.encoder_type(shape, partial(PlainNorm, groups=groups))
        self.decoder = self.decoder_type(shape, partial(type(self).norm, groups=groups))
        self.apply(initialise)


class MoVQAutoencoder(VQGANAutoencoder):
    """VQGAN's autoencoder with a `SpatialNorm` for every norm of the decoder."""

    norm = SpatialNorm


def check_widths(width: int, multipliers: Sequence[int], groups: int | None) -> list[int]:
    """Return the width of every scale, finest first; raise ValueError if one is out of range or not divisible."""
    check_int("width", width, 1, 4096)
    if not isinstance(multipliers, (tuple, list)) or not 2 <= len(multipliers) <= 8:
        raise ValueError(f"multipliers={multipliers!r}: expected 2 to 8 whole numbers, one a scale, finest first")
    for multiplier in multipliers:
        check_int("multipliers", multiplier, 1, 64)
    widths = [width * multiplier for multiplier in multipliers]
    if groups is not None:
        check_int("groups", groups, 1, 4096)
        if any(each % groups for each in widths):
            raise ValueError(f"groups={groups}: expected a divisor of every width: {', '.join(map(str, widths))}")
    return widths
