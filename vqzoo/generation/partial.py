"""Sequences of which a part is known: what they look like, how they go on, and where in the image their tokens are."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from vqzoo.analysis.encode import codevectors
from vqzoo.analysis.usage import codebook_of
from vqzoo.files.tokens import Tokens
from vqzoo.generation.prior import Prior, Sampling
from vqzoo.tokenizer import Tokenizer
from vqzoo.tokens.sequences import Sequences


def neutral(tokenizer: Tokenizer, sequences: Sequences) -> Tensor:
    """Return a sequence (length,) to put where nothing is known: of each codebook the codevector nearest to zero.

    The sum of a residual quantizer hardly changes by it, and other quantizers have nothing closer to a mean.
    """
    books, grids = iter(codebook_of(tokenizer)), []
    nearest: dict[tuple[int, int], int] = {}
    for part, (height, width) in zip(tokenizer.quantizers, tokenizer.grid_sizes(sequences.size), strict=True):
        columns = [(next(books), size) for size in part.index_sizes]
        for book, size in set(columns) - nearest.keys():
            vectors = codevectors(tokenizer, book, np.arange(size))
            nearest[book, size] = int((vectors**2).sum(1).argmin())
        grids.append(torch.tensor([nearest[key] for key in columns]).expand(1, height, width, -1))
    labels = torch.tensor([-1]) if sequences.classes else None
    return sequences.flatten(Tokens(tuple(grids), sequences.size), labels)[0]


def allowed(sequences: Sequences, state: Tensor) -> Tensor:
    """Return where a state (b, n) of a prior's `draw` has a token that may stand there, (b, length) bool."""
    number = state.shape[1]
    inside = (state >= sequences.lows[:number]) & (state <= sequences.highs[:number])
    return torch.cat([inside, inside.new_zeros(len(state), sequences.length - number)], 1)


def filled(state: Tensor, where: Tensor, neutral: Tensor) -> Tensor:
    """Return whole sequences (b, length): of a state (b, n) where that is `allowed`, else neutral."""
    whole = neutral.repeat(len(state), 1)
    whole[:, : state.shape[1]] = state
    return torch.where(where, whole, neutral)


def over_image(tokenizer: Tokenizer, grids: Sequence[Tensor]) -> Tensor:
    """Return the sums (b, rows, columns) of values of each index, (b, h, w, q), over the cells of the finest grid.

    The cells cover the image as it was padded, see `Tokenizer.padded`. The value of an index of a coarser grid is
    spread evenly over the finest cells that it covers.
    """
    layers = []
    for part, grid in zip(tokenizer.quantizers, grids, strict=True):
        flat = grid.flatten(1)
        layers += [flat[:, positions] for positions in part.index_grids(*grid.shape[1:3])]
    rows, columns = (max(layer.shape[axis] for layer in layers) for axis in (1, 2))
    return torch.stack([_spread(_spread(layer, rows, 1), columns, 2) for layer in layers]).sum(0)


def _spread(layer: Tensor, number: int, axis: int) -> Tensor:
    """Repeat entries along an axis up to so many, each divided by how often it is repeated."""
    entry = torch.arange(number) * layer.shape[axis] // number
    shape = [-1 if each == axis else 1 for each in range(layer.ndim)]
    return layer.index_select(axis, entry) / entry.bincount()[entry].view(shape)


def upper_half(tokenizer: Tokenizer, sequences: Sequences) -> Tensor:
    """Return which positions (length,) are of the upper half of the image, or hold no choice.

    A cell counts if it lies in the upper half as a whole.
    """
    upper = sequences.lows == sequences.highs
    upper[: 1 + bool(sequences.classes)] = True
    positions = sequences.grids(torch.arange(sequences.length)[None])
    height, padded = sequences.size[0], tokenizer.padded(sequences.size)[0]
    for part, grid in zip(tokenizer.quantizers, positions, strict=True):
        for cells in part.index_grids(*grid.shape[1:3]):
            upper[grid.flatten()[cells[: len(cells) * height // (2 * padded)]]] = True
    return upper


def continued(prior: Prior, sequences: Tensor, kept: Tensor, sampling: Sampling) -> Iterator[Tensor]:
    """Yield states (b, n) that have the tokens of sequences (b, length) where `kept` (length,), and draw the rest.

    In other orders than raster kept tokens come between drawn ones; the prior then begins anew behind each such run.
    """
    length = prior.sequences.length
    state = sequences[:, :0]
    while (number := state.shape[1]) < length:
        change = (kept[number:] != kept[number]).nonzero()
        end = number + int(change[0]) if len(change) else length
        if kept[number]:
            state = torch.cat([state, sequences[:, number:end]], 1)
            yield state
            continue
        for longer in prior.draw(state, sampling):
            yield longer if end == length else longer[:, :end]
            if end < length and allowed(prior.sequences, longer.cpu())[:, :end].all():
                break
        state = longer[:, :end]
