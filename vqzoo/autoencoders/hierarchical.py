"""VQ-VAE-2's autoencoder: a fine grid of latents, given a coarse one (Razavi et al., 2019, arXiv:1906.00446)."""

import torch
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder, check_channels
from vqzoo.autoencoders.conv import check_stride, down, residual, up
from vqzoo.ops.check import check_int


class Decoder(nn.Module):
    """Both quantized grids -> images: the coarse one is upsampled and lies behind the fine one's channels."""

    def __init__(self, channels: int, latent_dim: int, stride: int, width: int, inner: int, blocks: int):
        super().__init__()
        self.upsample = nn.ConvTranspose2d(latent_dim, latent_dim, 4, stride=2, padding=1)
        self.pixels = nn.Sequential(
            nn.Conv2d(2 * latent_dim, width, 3, padding=1),
            *residual(width, inner, blocks),
            *up(width, channels, stride),
        )

    def forward(self, top: Tensor, bottom: Tensor) -> Tensor:
        return self.pixels(torch.cat([self.upsample(top), bottom], 1))


class HierarchicalAutoencoder(Autoencoder):
    """A coarse grid (top) tells the picture at large, and a fine one (bottom) what that leaves out.

    `stride` is the fine grid's; the coarse one's is twice that, and so is what image sides must be multiples of. The
    bottom's latents are read from the image's features together with what the quantized top decodes to. The layers are
    those of the "conv" autoencoder; the defaults are 64 x 64 and 32 x 32 latents of 64 numbers for 256 x 256 images.
    """

    def __init__(
        self,
        channels: int = 3,
        latent_dim: int = 64,
        stride: int = 4,
        width: int = 128,
        residual_width: int = 32,
        residual_blocks: int = 2,
    ):
        super().__init__()
        self.channels = check_channels(channels)
        self.latent_dim = check_int("latent_dim", latent_dim, 1, 4096)
        self.stride = 2 * check_stride(stride)
        self.strides = (2 * stride, stride)
        check_int("width", width, 2, 4096)
        inner = check_int("residual_width", residual_width, 1, 4096)
        blocks = check_int("residual_blocks", residual_blocks, 0, 64)

        def encoder(channels: int, stride: int) -> nn.Sequential:
            convolution = nn.Conv2d(width, width, 3, padding=1)
            return nn.Sequential(*down(channels, width, stride), convolution, *residual(width, inner, blocks))

        self.encoder = encoder(channels, stride)
        self.top = nn.Sequential(*encoder(width, 2), nn.Conv2d(width, latent_dim, 1))
        # What the bottom is told of the top belongs to encoding: `decoder` holds what makes pixels and no more.
        self.condition = nn.Sequential(
            nn.Conv2d(latent_dim, width, 3, padding=1), *residual(width, inner, blocks), *up(width, latent_dim, 2)
        )
        self.bottom = nn.Conv2d(latent_dim + width, latent_dim, 1)
        self.decoder = Decoder(channels, latent_dim, stride, width, inner, blocks)

    def latents(self, features: Tensor, *coarser: Tensor) -> Tensor:
        if not coarser:
            return self.top(features)
        return self.bottom(torch.cat([self.condition(*coarser), features], 1))
