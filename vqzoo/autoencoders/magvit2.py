"""The image network of MAGVIT-v2 (Yu et al., 2023, arXiv:2310.05737), as Open-MAGVIT2 has it (arXiv:2409.04410)."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.autoencoders.blocks import PlainNorm, ResidualBlock, initialise
from vqzoo.autoencoders.vqgan import check_widths
from vqzoo.ops.check import check_int


class AdaptiveNorm(nn.Module):
    """Group normalization whose scale and shift come from statistics of an image's latents.

    GroupNorm(x) * W_scale(sqrt(var z + 1e-6)) + W_shift(mean z), over all positions of an image. The variance is the
    unbiased one, and 0 for a single position.
    """

    def __init__(self, width: int, latent_dim: int, groups: int | None):
        super().__init__()
        self.groups = PlainNorm(width, latent_dim, groups).num_groups
        self.scale = nn.Linear(latent_dim, width)
        self.shift = nn.Linear(latent_dim, width)

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        """Return x (b, width, h, w), modulated by latents (b, latent_dim, h', w')."""
        flat = latents.flatten(2)
        variance = flat.var(-1, correction=min(1, flat.shape[2] - 1))
        scale, shift = self.scale((variance + 1e-6).sqrt()), self.shift(flat.mean(-1))
        result: Tensor = F.group_norm(x, self.groups, eps=1e-6) * scale[..., None, None] + shift[..., None, None]
        return result


class Encoder(nn.Module):
    """Encoder: residual blocks at every scale and as many again at the coarsest, without attention."""

    def __init__(self, channels: int, latent_dim: int, widths: list[int], blocks: int, groups: int | None):
        super().__init__()
        norm = partial(PlainNorm, groups=groups)
        width = widths[0]
        self.conv_in = nn.Conv2d(channels, width, 3, padding=1)
        layers: list[nn.Module] = []
        for scale, out in enumerate(widths):
            for _ in range(blocks):
                layers.append(ResidualBlock(width, out, 0, norm))
                width = out
            if scale < len(widths) - 1:
                layers.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
        layers += [ResidualBlock(width, width, 0, norm) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers)
        self.norm = norm(width, 0)
        self.conv_out = nn.Conv2d(width, latent_dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (b, channels, H, W) to latents (b, latent_dim, h, w)."""
        latents: Tensor = self.conv_out(F.silu(self.norm(self.layers(self.conv_in(images)))))
        return latents


class Decoder(nn.Module):
    """Decoder: the encoder's mirror image with an `AdaptiveNorm` in front of each scale."""

    def __init__(self, channels: int, latent_dim: int, widths: list[int], blocks: int, groups: int | None):
        super().__init__()
        norm = partial(PlainNorm, groups=groups)
        width = widths[-1]
        self.conv_in = nn.Conv2d(latent_dim, width, 3, padding=1)
        layers: list[nn.Module] = [ResidualBlock(width, width, 0, norm) for _ in range(blocks)]
        for scale, out in reversed(list(enumerate(widths))):
            layers.append(AdaptiveNorm(width, latent_dim, groups))
            for _ in range(blocks):
                layers.append(ResidualBlock(width, out, 0, norm))
                width = out
            if scale > 0:
                layers.append(nn.Sequential(nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2)))
        self.layers = nn.ModuleList(layers)
        self.norm = norm(width, 0)
        self.conv_out = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (b, latent_dim, h, w) to images (b, channels, H, W)."""
        x = self.conv_in(latents)
        for layer in self.layers:
            x = layer(x, latents) if isinstance(layer, AdaptiveNorm) else layer(x)
        images: Tensor = self.conv_out(F.silu(self.norm(x)))
        return images


class MAGVIT2Autoencoder(Autoencoder):
    """Residual blocks, strided convolutions down and sub-pixel convolutions up; no output activation.

    `multipliers` are the widths of the scales in units of `width`, finest first; n of them give stride 2^(n - 1).
    `blocks` is the number of residual blocks at each scale and in the middle of either half. `groups` is that of every
    norm; None means the default of `PlainNorm`. The published code leaves out the biases of some convolutions; here all
    have one. The defaults are the published network for 18 bits a cell and 16 x 16 latents of 256 x 256 images.
    """

    def __init__(
        self,
        channels: int = 3,
        latent_dim: int = 18,
        width: int = 128,
        multipliers: tuple[int, ...] = (1, 1, 2, 2, 4),
        blocks: int = 4,
        groups: int | None = None,
    ):
        widths = check_widths(width, multipliers, groups)
        super().__init__(channels, latent_dim, (2 ** (len(widths) - 1),))
        check_int("blocks", blocks, 1, 64)
        self.encoder = Encoder(channels, latent_dim, widths, blocks, groups)
        self.decoder = Decoder(channels, latent_dim, widths, blocks, groups)
        self.apply(initialise)
