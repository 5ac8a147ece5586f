"""The layers of VQGAN (Esser et al., 2021, arXiv:2012.09841); each norm also gets the quantized latents."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlainNorm(nn.GroupNorm):
    """Group normalization with `groups`, or up to 32 groups of at least 4 channels; the latents are ignored.

    A group of one channel would remove its mean, and a narrow decoder could not represent the brightness of an image.
    """

    def __init__(self, width: int, latent_dim: int, groups: int | None = None):
        super().__init__(groups or math.gcd(32, max(1, width // 4), width), width, eps=1e-6)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        """Return the normalized x (b, width, h, w)."""
        return super().forward(x)


class SpatialNorm(nn.Module):
    """MoVQ's norm: group normalization whose scale and shift at each position come from the quantized latents.

    GroupNorm(x) * conv_scale(z) + conv_shift(z) with z resized to x by nearest neighbour (Zheng et al., 2022,
    arXiv:2209.09002, eq. 4). The group normalization has a scale and a shift of its own.
    """

    def __init__(self, width: int, latent_dim: int, groups: int | None = None):
        super().__init__()
        self.norm = PlainNorm(width, latent_dim, groups)
        self.scale = nn.Conv2d(latent_dim, width, 1)
        self.shift = nn.Conv2d(latent_dim, width, 1)

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        """Return x (b, width, h, w), modulated by latents (b, latent_dim, h', w')."""
        # 1x1 convolution and nearest-neighbour resizing commute; convolving the small grid first is cheaper.
        scale, shift = (F.interpolate(conv(latents), x.shape[2:]) for conv in (self.scale, self.shift))
        result: Tensor = self.norm(x) * scale + shift
        return result


Norm = Callable[[int, int], nn.Module]
"""Function of (width, latent_dim) that returns a module called with (x, latents)."""


def initialise(module: nn.Module) -> None:
    """Initialise one module; apply it to a whole network with `nn.Module.apply`.

    Convolutions keep the variance of their input, and each residual branch starts at zero. torch's default shrinks a
    signal by the square root of 3 at every convolution between image and latents and lets residual branches dominate
    what is left, which costs a narrow network thousands of updates. A spatial norm starts as the norm inside it.
    """
    if isinstance(module, nn.Conv2d):
        # As nn.init.kaiming_normal_, which on the meta device imports torch's compiler.
        with torch.no_grad():
            module.weight.copy_(torch.randn(module.weight.shape).mul_(module.weight[0].numel() ** -0.5))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    zero = {ResidualBlock: ["conv2"], Attention: ["out"], SpatialNorm: ["scale", "shift"]}
    for name in zero.get(type(module), []):
        nn.init.zeros_(getattr(module, name).weight)
    if isinstance(module, SpatialNorm):
        assert module.scale.bias is not None
        nn.init.ones_(module.scale.bias)


class ResidualBlock(nn.Module):
    """Norm, SiLU and 3x3 convolution, twice, plus a skip, which is a 1x1 convolution where the width changes."""

    def __init__(self, width: int, out: int, latent_dim: int = 0, norm: Norm = PlainNorm):
        super().__init__()
        self.norm1, self.conv1 = norm(width, latent_dim), nn.Conv2d(width, out, 3, padding=1)
        self.norm2, self.conv2 = norm(out, latent_dim), nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Identity() if width == out else nn.Conv2d(width, out, 1)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        """Map x (b, width, h, w) to (b, out, h, w)."""
        inner = self.conv1(F.silu(self.norm1(x, latents)))
        result: Tensor = self.skip(x) + self.conv2(F.silu(self.norm2(inner, latents)))
        return result


class Attention(nn.Module):
    """Single-head self-attention over all positions with an output projection, plus a skip."""

    def __init__(self, width: int, latent_dim: int = 0, norm: Norm = PlainNorm):
        super().__init__()
        self.norm = norm(width, latent_dim)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        """Map x (b, width, h, w) to the same shape."""
        b, c, h, w = x.shape
        query, key, value = self.qkv(self.norm(x, latents)).flatten(2).transpose(1, 2).chunk(3, -1)
        mixed = F.scaled_dot_product_attention(query, key, value)
        result: Tensor = x + self.out(mixed.transpose(1, 2).reshape(b, c, h, w))
        return result


class Downsample(nn.Conv2d):
    """3x3 convolution of stride 2 that halves height and width, padded at the right and the bottom."""

    def __init__(self, width: int):
        super().__init__(width, width, 3, stride=2)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        """Map x (b, width, h, w) to (b, width, h / 2, w / 2)."""
        return super().forward(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Conv2d):
    """Nearest-neighbour upsampling that doubles height and width, then a 3x3 convolution."""

    def __init__(self, width: int):
        super().__init__(width, width, 3, padding=1)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        """Map x (b, width, h, w) to (b, width, 2h, 2w)."""
        return super().forward(F.interpolate(x, scale_factor=2))
