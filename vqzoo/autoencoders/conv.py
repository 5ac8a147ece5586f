"""The small convolutional autoencoder of the VQ-VAE family, as CVQ-VAE configures it (arXiv:2307.15139)."""

import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.ops.check import check_int

_STRIDES = (2, 4, 8, 16, 32, 64)


class ResidualBlock(nn.Module):
    """x + conv1x1(relu(conv3x3(relu(x)))); the skip carries x itself (an in-place ReLU would make it relu(x))."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.conv_in = nn.Conv2d(width, inner, 3, padding=1)
        self.conv_out = nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_out(F.relu(self.conv_in(F.relu(x))))


class ConvAutoencoder(Autoencoder):
    """Strided convolutions, two residual blocks and a 1x1 projection down; the mirror image up; no output activation.

    stride 4 with the defaults is the backbone of the CVQ-VAE and LooC tables: 32 x 32 images, 8 x 8 latents.
    """

    def __init__(
        self,
        channels: int = 3,
        latent_dim: int = 128,
        stride: int = 4,
        width: int = 128,
        residual_width: int = 32,
        residual_blocks: int = 2,
    ):
        super().__init__()
        if type(channels) is not int or channels not in (1, 3):
            raise ValueError(f"channels={channels!r}: expected 1 (grey) or 3 (RGB)")
        if type(stride) is not int or stride not in _STRIDES:
            raise ValueError(f"stride={stride!r}: expected one of {', '.join(map(str, _STRIDES))}")
        self.channels = channels
        self.stride = stride
        self.latent_dim = check_int("latent_dim", latent_dim, 1, 4096)
        check_int("width", width, 2, 4096)
        check_int("residual_width", residual_width, 1, 4096)
        check_int("residual_blocks", residual_blocks, 0, 64)

        def residual() -> list[nn.Module]:
            return [*(ResidualBlock(width, residual_width) for _ in range(residual_blocks)), nn.ReLU()]

        halvings = stride.bit_length() - 1
        widths = [channels, *([width // 2] if halvings > 1 else []), *[width] * max(halvings - 1, 1)]
        steps = list(zip(widths, widths[1:], strict=False))
        down = [m for a, b in steps for m in (nn.Conv2d(a, b, 4, stride=2, padding=1), nn.ReLU())]
        up = [m for a, b in reversed(steps) for m in (nn.ConvTranspose2d(b, a, 4, stride=2, padding=1), nn.ReLU())]
        self.encoder = nn.Sequential(
            *down,
            nn.Conv2d(width, width, 3, padding=1),
            *residual(),
            nn.Conv2d(width, latent_dim, 1),
        )
        self.decoder = nn.Sequential(nn.Conv2d(latent_dim, width, 3, padding=1), *residual(), *up[:-1])

    def encode(self, images: Tensor) -> Tensor:
        return self.encoder(images)

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(latents)
