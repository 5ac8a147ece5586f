"""VQGAN's autoencoder (Esser et al., 2021, arXiv:2012.09841) and MoVQ's (Zheng et al., 2022, arXiv:2209.09002)."""

import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder, check_channels
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
from vqzoo.ops.check import check_int


class Encoder(nn.Module):
    """Images -> latents: residual blocks at every scale, then residual, attention, residual at the coarsest."""

    def __init__(self, channels: int, latent_dim: int, widths: list[int], blocks: int, attention: tuple[int, ...]):
        super().__init__()
        width = widths[0]
        self.conv_in = nn.Conv2d(channels, width, 3, padding=1)
        layers: list[nn.Module] = []
        for scale, out in enumerate(widths):
            for _ in range(blocks):
                layers.append(ResidualBlock(width, out))
                width = out
                if 2**scale in attention:
                    layers.append(Attention(width))
            if scale < len(widths) - 1:
                layers.append(Downsample(width))
        self.layers = nn.Sequential(*layers, ResidualBlock(width, width), Attention(width), ResidualBlock(width, width))
        self.norm = PlainNorm(width, latent_dim)
        self.conv_out = nn.Conv2d(width, latent_dim, 3, padding=1)
        self.project = nn.Conv2d(latent_dim, latent_dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.project(self.conv_out(F.silu(self.norm(self.layers(self.conv_in(images))))))


class Decoder(nn.Module):
    """Latents -> images: the encoder's mirror image with one more residual block at every scale."""

    def __init__(
        self, channels: int, latent_dim: int, widths: list[int], blocks: int, attention: tuple[int, ...], norm: Norm
    ):
        super().__init__()
        width = widths[-1]
        self.project = nn.Conv2d(latent_dim, latent_dim, 1)
        self.conv_in = nn.Conv2d(latent_dim, width, 3, padding=1)

        def residual(out: int) -> ResidualBlock:
            return ResidualBlock(width, out, latent_dim, norm)

        layers = [residual(width), Attention(width, latent_dim, norm), residual(width)]
        for scale, out in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                layers.append(residual(out))
                width = out
                if 2**scale in attention:
                    layers.append(Attention(width, latent_dim, norm))
            if scale > 0:
                layers.append(Upsample(width))
        self.layers = nn.ModuleList(layers)
        self.norm = norm(width, latent_dim)
        self.conv_out = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        x = self.conv_in(self.project(latents))
        for layer in self.layers:
            x = layer(x, latents)
        return self.conv_out(F.silu(self.norm(x, latents)))


class VQGANAutoencoder(Autoencoder):
    """Residual blocks with group normalisation, attention where the grid is small; no output activation.

    `multipliers` are the widths of the scales in units of `width`, finest first: n of them give stride 2^(n - 1).
    `blocks` residual blocks stand at each scale of the encoder and one more at each of the decoder. `attention` lists
    the strides at which attention follows every residual block; it stands in the middle in any case.
    The defaults are the published network for 16 x 16 latents of 256 x 256 images.
    """

    encoder_type: type[Encoder] = Encoder
    decoder_type: type[Decoder] = Decoder
    norm: Norm = PlainNorm

    def __init__(
        self,
        channels: int = 3,
        latent_dim: int = 256,
        width: int = 128,
        multipliers: tuple[int, ...] = (1, 1, 2, 2, 4),
        blocks: int = 2,
        attention: tuple[int, ...] = (16,),
    ):
        super().__init__()
        self.channels = check_channels(channels)
        self.latent_dim = check_int("latent_dim", latent_dim, 1, 4096)
        check_int("width", width, 1, 4096)
        check_int("blocks", blocks, 1, 64)
        if not isinstance(multipliers, (tuple, list)) or not 2 <= len(multipliers) <= 8:
            raise ValueError(f"multipliers={multipliers!r}: expected 2 to 8 whole numbers, one a scale, finest first")
        for multiplier in multipliers:
            check_int("multipliers", multiplier, 1, 64)
        self.stride = 2 ** (len(multipliers) - 1)
        self.strides = (self.stride,)
        possible = [2**scale for scale in range(len(multipliers))]
        if not isinstance(attention, (tuple, list)) or not set(attention) <= set(possible):
            raise ValueError(f"attention={attention!r}: expected strides out of {', '.join(map(str, possible))}")
        widths = [width * multiplier for multiplier in multipliers]
        self.encoder = self.encoder_type(channels, latent_dim, widths, blocks, tuple(attention))
        self.decoder = self.decoder_type(channels, latent_dim, widths, blocks, tuple(attention), type(self).norm)
        self.apply(initialise)

    def encode(self, images: Tensor) -> Tensor:
        return self.encoder(images)

    def decode(self, *latents: Tensor) -> Tensor:
        return self.decoder(*latents)

    @property
    def last_layer(self) -> nn.Parameter:
        return self.decoder.conv_out.weight  # type: ignore[return-value]


class MoVQAutoencoder(VQGANAutoencoder):
    """VQGAN's autoencoder in whose decoder every norm is modulated by the quantized latents (`SpatialNorm`)."""

    norm = SpatialNorm
