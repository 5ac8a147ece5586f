"""ViT-VQGAN's autoencoder: transformers on patches of pixels (Yu et al., 2022, arXiv:2110.04627)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder, check_channels
from vqzoo.ops.check import check_int
from vqzoo.ops.position import sinusoidal_2d


class Block(nn.Module):
    """Attention over all places, then an MLP, each behind a layer normalisation and beside a skip; no dropout.

    What torch.nn.TransformerEncoderLayer(norm_first=True) computes. That one takes another path where no gradient is
    wanted, which rounds differently, and a latent halfway between two codevectors would then get another index.
    """

    def __init__(self, width: int, heads: int, mlp: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp), nn.GELU(), nn.Linear(mlp, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, width) -> the same."""
        query, key, value = self.qkv(self.norm1(tokens)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        tokens = tokens + self.out(mixed)
        return tokens + self.mlp(self.norm2(tokens))


class Transformer(nn.Module):
    """Vectors on a grid, each projected and told its place, through the blocks and two layers with a tanh between."""

    def __init__(self, dim: int, out: int, width: int, depth: int, heads: int, mlp: int):
        super().__init__()
        self.width = width
        self.project = nn.Linear(dim, width)
        self.blocks = nn.Sequential(*(Block(width, heads, mlp) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.Linear(width, mlp), nn.Tanh(), nn.Linear(mlp, out))

    def forward(self, grid: Tensor) -> Tensor:
        """(b, dim, h, w) -> (b, out, h, w)."""
        rows, columns = (torch.arange(size, device=grid.device) for size in grid.shape[2:])
        x = self.project(grid.permute(0, 2, 3, 1))
        x = x + sinusoidal_2d(rows, columns, self.width).to(x)
        x = self.blocks(x.flatten(1, 2)).unflatten(1, x.shape[1:3])
        return self.head(self.norm(x)).permute(0, 3, 1, 2)


class ViTAutoencoder(Autoencoder):
    """A transformer from patches of stride x stride pixels to latents, and one from latents to patches.

    The defaults are the published small network: width 512, depth 8, heads 8, mlp 2048. Base is 768, 12, 12, 3072;
    large is 1280, 32, 16, 5120. The published projection to the few numbers that are looked up is `latent_dim` here.
    As published, two layers with a tanh between them stand behind either transformer and nothing bounds what they give;
    their inner width is `mlp`. The encoding of places is fixed (2-D sinusoidal, width / 4 frequencies an axis), so that
    images of any size can be taken; it belongs to the network, whatever the tokenizer's own position is.
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
        super().__init__()
        self.channels = check_channels(channels)
        self.latent_dim = check_int("latent_dim", latent_dim, 1, 4096)
        self.stride = check_int("stride", stride, 1, 64)
        self.strides = (stride,)
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
        return self.encoder(F.pixel_unshuffle(images, self.stride))

    def decode(self, *latents: Tensor) -> Tensor:
        return F.pixel_shuffle(self.decoder(*latents), self.stride)
