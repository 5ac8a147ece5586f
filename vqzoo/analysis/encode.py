"""Encoding a photograph cell by cell, and decoding token grids, edited ones included."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vqzoo.analysis.encoded_image import EncodedImage, Layer
from vqzoo.analysis.usage import codebook_of, count
from vqzoo.metrics.counts import by_codebook
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.quantizers.base import Lookup
from vqzoo.tokenizer import Tokenizer, Tokens

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow converts to grey


@torch.inference_mode()
def encode(tokenizer: Tokenizer, pixels: np.ndarray, like: EncodedImage | None = None) -> EncodedImage | None:
    """Encode a photograph, uint8 (h, w, 3); None if indices cannot be counted, as those of a plain autoencoder.

    With `like`, the result for another photograph of the same size, its layers are reused, and distances and norms are
    empty.
    """
    if any(max(quantizer.index_sizes) >= 2**31 for quantizer in tokenizer.quantizers):
        return None
    original = original_of(tokenizer, pixels)
    images = from_bytes(original)
    levels = tokenizer.encode_levels(images)
    tokens = Tokens(tuple(indices for _, indices in levels), (images.shape[2], images.shape[3]))
    counted = count(tokenizer, tokens)
    if counted is None:
        return None
    measured = zip(tokenizer.quantizers, levels, strict=True) if like is None else ()
    distances = [quantizer.distances(latents.float(), indices) for quantizer, (latents, indices) in measured]
    counts = tuple(column.cpu().numpy() for column in counted)
    of = codebook_of(tokenizer)
    return EncodedImage(
        to_rgb(original),
        tokenizer.padded(tokens.size),
        tuple(grid[0].int().contiguous().cpu().numpy() for grid in tokens.grids),
        tuple(distance[0].float().contiguous().cpu().numpy() for distance in distances),
        _layers(tokenizer, tokens.grids, of) if like is None else like.layers,
        counts,
        of,
        () if like else tuple(map(_norms, _books(tokenizer), by_codebook(counts, of))),
    )


def _layers(tokenizer: Tokenizer, grids: Sequence[Tensor], of: tuple[int, ...]) -> tuple[Layer, ...]:
    layers, start = [], 0
    for number, (quantizer, grid) in enumerate(zip(tokenizer.quantizers, grids, strict=True)):
        index_grids = quantizer.index_grids(grid.shape[1], grid.shape[2])
        level = f"grid {number + 1} of {len(grids)}" if len(grids) > 1 else ""
        for turn, positions in enumerate(index_grids, 1):
            columns = tuple(start + column for column in np.unique(positions.numpy() % grid.shape[3]).tolist())
            part = f"{quantizer.column_word} {turn} of {len(index_grids)}" if len(index_grids) > 1 else ""
            label = ", ".join(filter(None, (level, part))) or "the only one"
            size = quantizer.index_sizes[columns[0] - start]
            layers.append(Layer(label, number, positions.numpy(), columns, of[columns[0]], size))
        start += grid.shape[3]
    return tuple(layers)


def _norms(book: Lookup, counts: np.ndarray) -> dict[int, float]:
    used = np.nonzero(counts)[0]
    lengths = book(torch.from_numpy(used)).norm(dim=1)
    return dict(zip(used.tolist(), lengths.tolist(), strict=True))


@torch.inference_mode()
def codevectors(tokenizer: Tokenizer, codebook: int, indices: np.ndarray) -> np.ndarray:
    """Return the codevectors (n, d) float32 at indices (n,) of a codebook, numbered as in `usage.codebook_of`."""
    return _books(tokenizer)[codebook](torch.from_numpy(indices).long()).float().cpu().numpy()


@torch.inference_mode()
def decode(tokenizer: Tokenizer, grids: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Decode token grids (h, w, q), one per level, to a uint8 image (h, w, 3) of this height and width."""
    device = next(tokenizer.parameters()).device
    tokens = Tokens(tuple(torch.from_numpy(grid).long().to(device)[None] for grid in grids), size)
    return to_rgb(to_bytes(tokenizer.decode(tokens)))


@torch.inference_mode()
def empty_grids(tokenizer: Tokenizer, side: int) -> tuple[np.ndarray, ...]:
    """Return grids of zeros with the shapes of the token grids of a square image."""
    device = next(tokenizer.parameters()).device
    tokens = tokenizer.encode(torch.zeros(1, tokenizer.autoencoder.channels, side, side, device=device))
    return tuple(np.zeros(grid.shape[1:], np.int32) for grid in tokens.grids)


def _books(tokenizer: Tokenizer) -> list[Lookup]:
    """Return the codebooks of all levels; they accept indices on any device."""
    device = next(tokenizer.parameters()).device

    def any_device(book: Lookup) -> Lookup:
        return lambda indices: book(indices.to(device))

    return [any_device(book) for quantizer in tokenizer.quantizers for book in quantizer.codebooks()]


def original_of(tokenizer: Tokenizer, pixels: np.ndarray) -> Tensor:
    """Return a photograph (h, w, 3) as uint8 (1, c, h, w) on the tokenizer's device, its luminance if c is 1."""
    device = next(tokenizer.parameters()).device
    image = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(2, 0, 1)[None]
    if tokenizer.autoencoder.channels == 1:
        weights = torch.tensor(_LUMA, device=image.device).view(1, 3, 1, 1)
        image = (image * weights).sum(1, keepdim=True).round().to(torch.uint8)
    return image


def to_rgb(image: Tensor) -> np.ndarray:
    """Return a uint8 image (1, 1 or 3, h, w) as an array (h, w, 3)."""
    return image[0].expand(3, -1, -1).permute(1, 2, 0).contiguous().cpu().numpy()
