"""The image network of MAGVIT-v2 (Yu et al., 2023, arXiv:2310.05737) as Open-MAGVIT2 has it (arXiv:2409.04410)."""

import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder, check_channels
from vqzoo.autoencoders.blocks import PlainNorm, ResidualBlock, initialise
from vqzoo.autoencoders.vqgan import check_widths
from vqzoo.ops.check import check_int


class AdaptiveNorm(nn.Module):
    """Group normalisation whose scale and shift are read from the latents as a whole.

    GroupNorm(x) * W_scale(sqrt(var z + 1e-6)) + W_shift(mean z), over all places of an image; the variance is the
    unbiased one, that of a single place 0.
    """

    def __init__(self, width: int, latent_dim: int, groups: int | None):
        super().__init__()
        self.groups = PlainNorm(width, latent_dim, groups).num_groups
        self.scale = nn.Linear(latent_dim, width)
        self.shift = nn.Linear(latent_dim, width)

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        places = latents.flatten(2)
        spread = places.var(-1, correction=min(1, places.shape[2] - 1))
        scale, shift = self.scale((spread + 1e-6).sqrt()), self.shift(places.mean(-1))
        return F.group_norm(x, self.groups, eps=1e-6) * scale[..., None, None] + shift[..., None, None]


class Encoder(nn.Module):
    """Images -> latents: residual blocks at every scale and as many again at the coarsest, no attention."""

    def __init__(self, channels: int, latent_dim: int, widths: list[int], blocks: int, groups: int | None):
        super().__init__()

        def norm(width: int, latent_dim: int) -> PlainNorm:
            return PlainNorm(width, latent_dim, groups)

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
        return self.conv_out(F.silu(self.norm(self.layers(self.conv_in(images)))))


class Decoder(nn.Module):
    """Latents -> images: the encoder's mirror image, before each of whose scales stands an `AdaptiveNorm`."""

    def __init__(self, channels: int, latent_dim: int, widths: list[int], blocks: int, groups: int | None):
        super().__init__()

        def norm(width: int, latent_dim: int) -> PlainNorm:
            return PlainNorm(width, latent_dim, groups)

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
        x = self.conv_in(latents)
        for layer in self.layers:
            x = layer(x, latents) if isinstance(layer, AdaptiveNorm) else layer(x)
        return self.conv_out(F.silu(self.norm(x)))


class MAGVIT2Autoencoder(Autoencoder):
    """Residual blocks alone, strided convolutions down and sub-pixel convolutions up; no output activation.

    `multipliers` are the widths of the scales in units of `width`, finest first: n of them give stride 2^(n - 1).
    `blocks` residual blocks stand at each scale and in the middle of either half. `groups` are those of every norm,
    None as `PlainNorm` has it. The published code leaves out the biases of some convolutions; here all have one.
    The defaults are the published network for 18 bits a cell and 16 x 16 latents of 256 x 256 images.
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
        super().__init__()
        self.channels = check_channels(channels)
        self.latent_dim = check_int("latent_dim", latent_dim, 1, 4096)
        check_int("blocks", blocks, 1, 64)
        widths = check_widths(width, multipliers, groups)
        self.stride = 2 ** (len(widths) - 1)
        self.strides = (self.stride,)
        self.encoder = Encoder(channels, latent_dim, widths, blocks, groups)
        self.decoder = Decoder(channels, latent_dim, widths, blocks, groups)
        self.apply(initialise)
