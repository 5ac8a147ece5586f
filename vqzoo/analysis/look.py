"""A tokenizer on a photograph, looked at cell by cell; decoding grids that somebody has changed."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vqzoo.analysis.looked import Layer, Look, by_codebook
from vqzoo.analysis.usage import codebook_of, count
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.quantizers.base import Lookup
from vqzoo.tokenizer import Tokenizer, Tokens

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow converts to grey


@torch.inference_mode()
def look(tokenizer: Tokenizer, pixels: np.ndarray, like: Look | None = None) -> Look | None:
    """A photograph, uint8 (h, w, 3), encoded; None where indices cannot be counted, as of a plain autoencoder.

    With `like`, the look of a photograph of the same size, its layers are taken, and nothing is measured: distances and
    norms stay empty.
    """
    if any(max(quantizer.index_sizes) >= 2**31 for quantizer in tokenizer.quantizers):
        return None
    images = from_bytes(_input(tokenizer, pixels))
    levels = tokenizer.encode_levels(images)
    tokens = Tokens(tuple(indices for _, indices in levels), (images.shape[2], images.shape[3]))
    counted = count(tokenizer, tokens)
    if counted is None:
        return None
    measured = zip(tokenizer.quantizers, levels, strict=True) if like is None else ()
    distances = [quantizer.distances(latents.float(), indices) for quantizer, (latents, indices) in measured]
    counts = tuple(column.cpu().numpy() for column in counted)
    of = codebook_of(tokenizer)
    return Look(
        _to_rgb(_input(tokenizer, pixels)),
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
        found = quantizer.index_grids(grid.shape[1], grid.shape[2])
        where = f"grid {number + 1} of {len(grids)}" if len(grids) > 1 else ""
        for turn, place in enumerate(found, 1):
            columns = tuple(start + column for column in np.unique(place.numpy() % grid.shape[3]).tolist())
            what = f"{quantizer.column_word} {turn} of {len(found)}" if len(found) > 1 else ""
            label = ", ".join(part for part in (where, what) if part) or "the only one"
            size = quantizer.index_sizes[columns[0] - start]
            layers.append(Layer(label, number, place.numpy(), columns, of[columns[0]], size))
        start += grid.shape[3]
    return tuple(layers)


def _norms(book: Lookup, counts: np.ndarray) -> dict[int, float]:
    used = np.nonzero(counts)[0]
    lengths = book(torch.from_numpy(used)).norm(dim=1)
    return dict(zip(used.tolist(), lengths.tolist(), strict=True))


@torch.inference_mode()
def codevectors(tokenizer: Tokenizer, codebook: int, indices: np.ndarray) -> np.ndarray:
    """(n, d) float32: those of a codebook of the tokenizer, by its number in `usage.codebook_of`."""
    return _books(tokenizer)[codebook](torch.from_numpy(indices).long()).float().cpu().numpy()


@torch.inference_mode()
def decode(tokenizer: Tokenizer, grids: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Token grids (h, w, q), one a level, as a picture: uint8 (h, w, 3) of that height and width."""
    device = next(tokenizer.parameters()).device
    tokens = Tokens(tuple(torch.from_numpy(grid).long().to(device)[None] for grid in grids), size)
    return _to_rgb(to_bytes(tokenizer.decode(tokens)))


@torch.inference_mode()
def grids_of(tokenizer: Tokenizer, side: int) -> tuple[np.ndarray, ...]:
    """The shapes of the grids of a square picture, as grids of zeros."""
    device = next(tokenizer.parameters()).device
    tokens = tokenizer.encode(torch.zeros(1, tokenizer.autoencoder.channels, side, side, device=device))
    return tuple(np.zeros(grid.shape[1:], np.int32) for grid in tokens.grids)


def _books(tokenizer: Tokenizer) -> list[Lookup]:
    """Of all levels; they take indices of any device."""
    device = next(tokenizer.parameters()).device

    def near(book: Lookup) -> Lookup:
        return lambda indices: book(indices.to(device))

    return [near(book) for quantizer in tokenizer.quantizers for book in quantizer.codebooks()]


def _input(tokenizer: Tokenizer, pixels: np.ndarray) -> Tensor:
    image = (
        torch.from_numpy(np.ascontiguousarray(pixels)).to(next(tokenizer.parameters()).device).permute(2, 0, 1)[None]
    )
    if tokenizer.autoencoder.channels == 1:
        weights = torch.tensor(_LUMA, device=image.device).view(1, 3, 1, 1)
        image = (image * weights).sum(1, keepdim=True).round().to(torch.uint8)
    return image


def _to_rgb(image: Tensor) -> np.ndarray:
    return image[0].expand(3, -1, -1).permute(1, 2, 0).contiguous().cpu().numpy()
