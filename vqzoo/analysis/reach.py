"""How far beyond a part of a picture its reconstruction depends on pixels, and the exact reconstruction of a part."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vqzoo.tokenizer import Tokenizer, Tokens

_CELLS = 48  # of the grid on which the reach is measured; a longer one counts as the whole picture


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a picture with what is around it.

    around: uint8 (h, w, 3), cut where the picture ends, whose first row and column are multiples of every stride.
    top, left, height, width: of the part in it, in pixels; `margin` is how many pixels there are around it at least,
    but for the ends of the picture.
    """

    around: np.ndarray
    top: int
    left: int
    height: int
    width: int
    margin: int

    @property
    def pixels(self) -> np.ndarray:
        """The part alone, (height, width, 3)."""
        return self.around[self.top : self.top + self.height, self.left : self.left + self.width]

    def within(self, margin: int) -> "Part":
        """Return the part with no more than `margin` pixels around it, a multiple of every stride."""
        top, left = max(0, self.top - margin), max(0, self.left - margin)
        bottom, right = self.top + self.height + margin, self.left + self.width + margin
        return Part(
            self.around[top:bottom, left:right], self.top - top, self.left - left, self.height, self.width, margin
        )

    def cut(self, images: Tensor) -> Tensor:
        """Return the part of images (b, c, h, w) of `around`."""
        return images[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def tokens(self, tokens: Tokens, stride: int) -> Tokens:
        """Return the tokens of the part from those of `around`, with one grid."""
        rows, columns = (
            slice(start // stride, -(-(start + length) // stride))
            for start, length in ((self.top, self.height), (self.left, self.width))
        )
        return Tokens((tokens.grids[0][:, rows, columns],), (self.height, self.width))


@torch.inference_mode()
def reach(tokenizer: Tokenizer) -> int | None:
    """Return how many pixels beyond a part, one that begins at a multiple of `multiple`, its reconstruction depends on.

    None if it depends on the whole picture (attention, norms over all pixels, positional encodings), or if tokens are
    not chosen cell by cell. Measured with a NaN, which reaches every value that is computed from it.
    """
    stride, middle = tokenizer.autoencoder.stride, _CELLS // 2
    several = len(tokenizer.quantizers) > 1 or tokenizer.multiple != stride
    if any(isinstance(module, nn.GroupNorm) for module in tokenizer.autoencoder.modules()):
        return None  # known without seconds of computing
    if several or tokenizer.position.config["name"] != "none" or not _by_cell(tokenizer):
        return None
    block = slice(middle * stride, (middle + 1) * stride)
    images = torch.zeros(1, tokenizer.autoencoder.channels, _CELLS * stride, _CELLS * stride, device=tokenizer.device)
    images[..., block, block] = math.nan
    cells = _spread(tokenizer.autoencoder.encode(images), middle, middle + 1)
    latents = torch.zeros(1, tokenizer.autoencoder.latent_dim, _CELLS, _CELLS, device=tokenizer.device)
    latents[..., middle, middle] = math.nan
    pixels = _spread(tokenizer.autoencoder.decode(latents), block.start, block.stop)
    return None if cells is None or pixels is None else (cells + -(-pixels // stride)) * stride


def _spread(values: Tensor, start: int, stop: int) -> int | None:
    """Return how far the NaNs of (1, c, n, n) go beyond rows and columns start to stop; None to the border."""
    nan = values[0].isnan().any(0)
    rows, columns = nan.any(1).nonzero(), nan.any(0).nonzero()
    first, last = int(min(rows.min(), columns.min())), int(max(rows.max(), columns.max()))
    return None if first == 0 or last == len(nan) - 1 else max(start - first, last + 1 - stop)


def _by_cell(tokenizer: Tokenizer) -> bool:
    """Whether the tokens of a part of the grid, and what they decode to, are those of the part alone."""
    quantizer, generator = tokenizer.quantizers[0], torch.Generator().manual_seed(0)
    latents = torch.randn(1, 6, 6, quantizer.dim, generator=generator).to(tokenizer.device)
    indices = quantizer.encode(latents)
    if indices.shape[1:3] != (6, 6):
        return False
    part = indices[:, 1:5, 2:5].contiguous()
    same = torch.equal(quantizer.encode(latents[:, 1:5, 2:5].contiguous()), part)
    return same and torch.allclose(quantizer.decode(part), quantizer.decode(indices)[:, 1:5, 2:5], atol=1e-5)
