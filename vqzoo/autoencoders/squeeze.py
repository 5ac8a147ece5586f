"""Residual blocks with squeeze-and-excitation: the network of a study of residual quantization on CIFAR-10."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.ops.check import check_int

_RATIO = 8


class SqueezeExcite(nn.Module):
    """Scale of each channel in (0, 1), computed from the means of all channels (arXiv:1709.01507, eqs. 2 to 4).

    A GELU replaces the paper's ReLU, which could switch off blocks of few channels for good.
    """

    def __init__(self, width: int):
        super().__init__()
        self.squeeze = nn.Linear(width, max(1, width // _RATIO))
        self.excite = nn.Linear(max(1, width // _RATIO), width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled x (b, width, h, w)."""
        scales: Tensor = self.excite(F.gelu(self.squeeze(x.mean((2, 3))))).sigmoid()
        return x * scales[:, :, None, None]


class Block(nn.Module):
    """Batch norm, GELU, 3x3 convolution and excitation, twice, plus a 1x1 convolution of the input."""

    def __init__(self, width_in: int, width: int):
        super().__init__()
        self.shortcut = nn.Conv2d(width_in, width, 1)
        self.body = nn.Sequential(*_half(width_in, width), *_half(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (b, width_in, h, w) to (b, width, h, w)."""
        result: Tensor = self.shortcut(x) + self.body(x)
        return result


def _half(width_in: int, width: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(width_in), nn.GELU(), nn.Conv2d(width_in, width, 3, padding=1), SqueezeExcite(width)]


class SqueezeAutoencoder(Autoencoder):
    """Levels of two residual blocks and a strided convolution down; the mirror image up.

    The first of `halvings` levels has `width` channels, each further one twice as many. 3 levels are the study's 4 x 4
    latents of a 32 x 32 image, 2 its 8 x 8 ones. In evaluation mode batch normalization uses its running statistics.
    """

    def __init__(self, channels: int = 3, latent_dim: int = 64, halvings: int = 3, width: int = 32):
        super().__init__(channels, latent_dim, (2 ** check_int("halvings", halvings, 1, 6),))
        check_int("width", width, 2, 1024)
        widths = [width * 2**level for level in range(halvings)]
        down: list[nn.Module] = []
        for width_in, width_out in pairwise([width // 2, *widths]):
            down += [*_blocks(width_in, width_out), nn.Conv2d(width_out, width_out, 4, stride=2, padding=1)]
        up: list[nn.Module] = []
        for width_in, width_out in pairwise([*reversed(widths), width // 2]):
            up += [nn.ConvTranspose2d(width_in, width_out, 4, stride=2, padding=1), *_blocks(width_out, width_out)]
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width // 2, 3, padding=1), *down, nn.Conv2d(widths[-1], latent_dim, 1)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_dim, widths[-1], 3, padding=1), *up, nn.Conv2d(width // 2, channels, 1)
        )


def _blocks(width_in: int, width: int) -> list[nn.Module]:
    return [Block(width_in, width), Block(width, width)]
