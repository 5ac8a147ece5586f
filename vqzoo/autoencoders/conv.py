"""The small convolutional autoencoder of the VQ-VAE family, as CVQ-VAE configures it (arXiv:2307.15139)."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.autoencoders.inception import InceptionBlock
from vqzoo.ops.check import check_int

_STRIDES = (2, 4, 8, 16, 32, 64)


class ResidualBlock(nn.Module):
    """x + conv1x1(relu(conv3x3(relu(x)))); the skip carries x itself (an in-place ReLU would make it relu(x))."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.conv_in = nn.Conv2d(width, inner, 3, padding=1)
        self.conv_out = nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (b, width, h, w) to the same shape."""
        result: Tensor = x + self.conv_out(F.relu(self.conv_in(F.relu(x))))
        return result


def residual(width: int, inner: int, blocks: int) -> list[nn.Module]:
    """Return residual blocks, followed by a ReLU."""
    return [*(ResidualBlock(width, inner) for _ in range(blocks)), nn.ReLU()]


def down(channels: int, width: int, stride: int) -> list[nn.Module]:
    """Return 4x4 convolutions of stride 2, each followed by a ReLU, that reduce the grid by `stride`.

    If there are several, the first has half of `width`.
    """
    layers: list[nn.Module] = []
    for a, b in pairwise(_widths(channels, width, stride)):
        layers += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.ReLU()]
    return layers


def up(width: int, channels: int, stride: int) -> list[nn.Module]:
    """Return the mirror image of `down`, without a ReLU at the end."""
    layers: list[nn.Module] = []
    for a, b in pairwise(reversed(_widths(channels, width, stride))):
        layers += [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.ReLU()]
    return layers[:-1]


def check_stride(stride: object) -> int:
    """Return `stride` if `down` and `up` support it; raise ValueError otherwise."""
    if type(stride) is not int or stride not in _STRIDES:
        raise ValueError(f"stride={stride!r}: expected one of {', '.join(map(str, _STRIDES))}")
    return stride


def _widths(channels: int, width: int, stride: int) -> list[int]:
    halvings = stride.bit_length() - 1
    return [channels, *([width // 2] if halvings > 1 else []), *[width] * max(halvings - 1, 1)]


class ConvAutoencoder(Autoencoder):
    """Strided convolutions, residual blocks and a 1x1 projection down; the mirror image up; no output activation.

    The defaults are the backbone of the CVQ-VAE and LooC tables: 32 x 32 images, 8 x 8 latents. Inception blocks, if
    any, follow the residual ones in both halves and need a width divisible by 8.
    """

    def __init__(
        self,
        channels: int = 3,
        latent_dim: int = 128,
        stride: int = 4,
        width: int = 128,
        residual_width: int = 32,
        residual_blocks: int = 2,
        inception_blocks: int = 0,
    ):
        super().__init__(channels, latent_dim, (check_stride(stride),))
        check_int("width", width, 2, 4096)
        check_int("residual_width", residual_width, 1, 4096)
        check_int("residual_blocks", residual_blocks, 0, 64)
        if check_int("inception_blocks", inception_blocks, 0, 64) and width % 8:
            raise ValueError(f"width={width}: expected a multiple of 8 for the four branches of Inception blocks")
        # Both are built first: the order of random draws is part of what a seed gives.
        before, behind = down(channels, width, stride), up(width, channels, stride)
        self.encoder = nn.Sequential(
            *before,
            nn.Conv2d(width, width, 3, padding=1),
            *residual(width, residual_width, residual_blocks),
            *(InceptionBlock(width) for _ in range(inception_blocks)),
            nn.Conv2d(width, latent_dim, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_dim, width, 3, padding=1),
            *residual(width, residual_width, residual_blocks),
            *(InceptionBlock(width) for _ in range(inception_blocks)),
            *behind,
        )
