"""ViT-VQGAN's autoencoder: transformers on patches of pixels (Yu et al., 2022, arXiv:2110.04627)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.ops.check import check_int
from vqzoo.ops.position import sinusoidal_2d


class Block(nn.Module):
    """Pre-norm transformer block: attention over all positions, then an MLP, each with a skip; no dropout.

    It computes what torch.nn.TransformerEncoderLayer(norm_first=True) does. That layer takes another code path without
    a gradient, which rounds differently, and a latent halfway between two codevectors could then get another index.
    """

    def __init__(self, width: int, heads: int, mlp: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp), nn.GELU(), nn.Linear(mlp, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (b, n, width) to the same shape."""
        query, key, value = self.qkv(self.norm1(tokens)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        tokens = tokens + self.out(mixed)
        result: Tensor = tokens + self.mlp(self.norm2(tokens))
        return result


class Transformer(nn.Module):
    """Linear projection of a grid plus its positional encoding, transformer blocks, and a head of two layers."""

    def __init__(self, dim: int, out: int, width: int, depth: int, heads: int, mlp: int):
        super().__init__()
        self.width = width
        self.project = nn.Linear(dim, width)
        self.blocks = nn.Sequential(*(Block(width, heads, mlp) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.Linear(width, mlp), nn.Tanh(), nn.Linear(mlp, out))

    def forward(self, grid: Tensor) -> Tensor:
        """Map grid (b, dim, h, w) to (b, out, h, w)."""
        rows, columns = (torch.arange(size, device=grid.device) for size in grid.shape[2:])
        x = self.project(grid.permute(0, 2, 3, 1))
        x = x + sinusoidal_2d(rows, columns, self.width).to(x)
        x = self.blocks(x.flatten(1, 2)).unflatten(1, x.shape[1:3])
        result: Tensor = self.head(self.norm(x)).permute(0, 3, 1, 2)
        return result


class ViTAutoencoder(Autoencoder):
    """A transformer from patches of stride x stride pixels to latents, and one from latents to patches.

    The defaults are the published small network: width 512, depth 8, heads 8, mlp 2048. Base is 768, 12, 12, 3072;
    large is 1280, 32, 16, 5120. `latent_dim` is the published projection to the dimension that is looked up. As
    published, the head of either transformer is two layers with a tanh between them, of inner width `mlp`, without an
    output activation. The 2-D sinusoidal encoding inside (width / 4 frequencies an axis) is fixed, so that images of
    any size work; it is independent of the tokenizer's own positional encoding.
    """

    def __init__(
        self,
        channels: int = 3,
        latent_dim: int = 32,
        stride: int = 8,
        width: int = 512,
        depth: int = 8,
        heads: int = 8,
        mlp: int = 2048,
    ):
        super().__init__(channels, latent_dim, (check_int("stride", stride, 1, 64),))
        check_int("depth", depth, 1, 64)
        check_int("mlp", mlp, 1, 65536)
        if check_int("width", width, 4, 4096) % 4:
            raise ValueError(f"width={width}: expected a multiple of 4 (sine, cosine, row, column)")
        if width % check_int("heads", heads, 1, 64):
            raise ValueError(f"heads={heads}: expected a divisor of width={width}")
        pixels = channels * stride**2
        self.encoder = Transformer(pixels, latent_dim, width, depth, heads, mlp)
        self.decoder = Transformer(latent_dim, pixels, width, depth, heads, mlp)

    def encode(self, images: Tensor) -> Tensor:
        """Return latents (b, latent_dim, h, w) of images (b, channels, H, W)."""
        return super().encode(F.pixel_unshuffle(images, self.stride))

    def decode(self, *latents: Tensor) -> Tensor:
        """Return images (b, channels, H, W) from latents (b, latent_dim, h, w)."""
        return F.pixel_shuffle(super().decode(*latents), self.stride)
