"""VQ-VAE-2's autoencoder: a coarse grid of latents and a fine one (Razavi et al., 2019, arXiv:1906.00446)."""

import torch
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.autoencoders.conv import check_stride, down, residual, up
from vqzoo.ops.check import check_int


class Decoder(nn.Module):
    """Decoder of both quantized grids: the coarse one is upsampled and concatenated with the fine one."""

    def __init__(self, channels: int, latent_dim: int, stride: int, width: int, inner: int, blocks: int):
        super().__init__()
        self.upsample = nn.ConvTranspose2d(latent_dim, latent_dim, 4, stride=2, padding=1)
        self.pixels = nn.Sequential(
            nn.Conv2d(2 * latent_dim, width, 3, padding=1),
            *residual(width, inner, blocks),
            *up(width, channels, stride),
        )

    def forward(self, top: Tensor, bottom: Tensor) -> Tensor:
        """Map top (b, d, h, w) and bottom (b, d, 2h, 2w) to images."""
        images: Tensor = self.pixels(torch.cat([self.upsample(top), bottom], 1))
        return images


class HierarchicalAutoencoder(Autoencoder):
    """Two levels: a coarse grid (top) for the global structure and a fine one (bottom) for the details.

    `stride` is the fine grid's. The coarse grid has twice that, and image sides must be multiples of it. The bottom's
    latents are computed from the image's features and from the decoded quantized top. The layers are those of the
    "conv" autoencoder; the defaults give 32 x 32 and 64 x 64 latents of 64 dimensions for 256 x 256 images.
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
        super().__init__(channels, latent_dim, (2 * check_stride(stride), stride))
        check_int("width", width, 2, 4096)
        inner = check_int("residual_width", residual_width, 1, 4096)
        blocks = check_int("residual_blocks", residual_blocks, 0, 64)

        def encoder(channels: int, stride: int) -> nn.Sequential:
            convolution = nn.Conv2d(width, width, 3, padding=1)
            return nn.Sequential(*down(channels, width, stride), convolution, *residual(width, inner, blocks))

        self.encoder = encoder(channels, stride)
        self.top = nn.Sequential(*encoder(width, 2), nn.Conv2d(width, latent_dim, 1))
        # Part of encoding, not of `decoder`, which holds only the layers that lead to the pixels.
        self.condition = nn.Sequential(
            nn.Conv2d(latent_dim, width, 3, padding=1), *residual(width, inner, blocks), *up(width, latent_dim, 2)
        )
        self.bottom = nn.Conv2d(latent_dim + width, latent_dim, 1)
        self.decoder = Decoder(channels, latent_dim, stride, width, inner, blocks)

    def latents(self, features: Tensor, *coarser: Tensor) -> Tensor:
        """Return the top's latents, or with the quantized top in `coarser` the bottom's."""
        if coarser:
            features = self.bottom(torch.cat([self.condition(*coarser), features], 1))
        else:
            features = self.top(features)
        return features
