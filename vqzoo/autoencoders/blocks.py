"""The layers VQGAN is made of (Esser et al., 2021, arXiv:2012.09841). Each norm may look at the quantized latents."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlainNorm(nn.GroupNorm):
    """Group normalisation with `groups`, or up to 32 groups of at least 4 channels; the latents are not looked at.

    A group of one channel would leave nothing of its mean, and a narrow decoder could not say how bright an image is.
    """

    def __init__(self, width: int, latent_dim: int, groups: int | None = None):
        super().__init__(groups or math.gcd(32, max(1, width // 4), width), width, eps=1e-6)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        return super().forward(x)


class SpatialNorm(nn.Module):
    """MoVQ's norm: group normalisation whose scale and shift are read, place by place, from the quantized latents.

    GroupNorm(x) * conv_scale(z) + conv_shift(z) with z resized to x by repetition (Zheng et al., 2022,
    arXiv:2209.09002, eq. 4). The group normalisation has a scale and a shift of its own.
    """

    def __init__(self, width: int, latent_dim: int, groups: int | None = None):
        super().__init__()
        self.norm = PlainNorm(width, latent_dim, groups)
        self.scale = nn.Conv2d(latent_dim, width, 1)
        self.shift = nn.Conv2d(latent_dim, width, 1)

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        # 1x1 convolutions and repetition commute; convolving the small grid is the cheaper order.
        scale, shift = (F.interpolate(conv(latents), x.shape[2:]) for conv in (self.scale, self.shift))
        return self.norm(x) * scale + shift


Norm = Callable[[int, int], nn.Module]
"""(width, latent_dim) -> a module called with (x, latents)."""


def initialise(module: nn.Module) -> None:
    """To be applied to a whole network: convolutions keep the size of what they get, and every skip starts alone.

    torch's own start shrinks a signal by the square root of three at each of the many convolutions between an image
    and its latents, and lets residual branches drown what is left of it, which costs a narrow network thousands of
    updates. The last convolution of a branch starts at zero, a spatial norm as the norm inside it.
    """
    if isinstance(module, nn.Conv2d):
        # The numbers of nn.init.kaiming_normal_, which without memory, on the meta device, imports torch's compiler.
        with torch.no_grad():
            module.weight.copy_(torch.randn(module.weight.shape).mul_(module.weight[0].numel() ** -0.5))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    ends = {ResidualBlock: ["conv2"], Attention: ["out"], SpatialNorm: ["scale", "shift"]}
    for name in ends.get(type(module), []):
        nn.init.zeros_(getattr(module, name).weight)
    if isinstance(module, SpatialNorm):
        assert module.scale.bias is not None
        nn.init.ones_(module.scale.bias)


class ResidualBlock(nn.Module):
    """Twice norm, SiLU, 3x3 convolution, beside a skip that is a 1x1 convolution where the width changes."""

    def __init__(self, width: int, out: int, latent_dim: int = 0, norm: Norm = PlainNorm):
        super().__init__()
        self.norm1, self.conv1 = norm(width, latent_dim), nn.Conv2d(width, out, 3, padding=1)
        self.norm2, self.conv2 = norm(out, latent_dim), nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Identity() if width == out else nn.Conv2d(width, out, 1)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        inner = self.conv1(F.silu(self.norm1(x, latents)))
        return self.skip(x) + self.conv2(F.silu(self.norm2(inner, latents)))


class Attention(nn.Module):
    """Single-head self-attention over all places, with a projection behind it, beside a skip."""

    def __init__(self, width: int, latent_dim: int = 0, norm: Norm = PlainNorm):
        super().__init__()
        self.norm = norm(width, latent_dim)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        b, c, h, w = x.shape
        query, key, value = self.qkv(self.norm(x, latents)).flatten(2).transpose(1, 2).chunk(3, -1)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return x + self.out(mixed.transpose(1, 2).reshape(b, c, h, w))


class Downsample(nn.Conv2d):
    """Halves height and width: a 3x3 convolution with stride 2, padded at the right and the bottom."""

    def __init__(self, width: int):
        super().__init__(width, width, 3, stride=2)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Conv2d):
    """Doubles height and width by repetition, then convolves 3x3."""

    def __init__(self, width: int):
        super().__init__(width, width, 3, padding=1)

    def forward(self, x: Tensor, latents: Tensor | None = None) -> Tensor:
        return super().forward(F.interpolate(x, scale_factor=2))
