"""How a codebook is used, over a whole data set: counts add up, so batch size and order do not matter."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_LARGEST_ALPHABET = 2**20


@dataclass(frozen=True)
class CodebookStats:
    """usage: share of codevectors chosen at least once, 0..1; dead: how many never were;
    perplexity: exp of the entropy of the choices, 1..K, mean over codebooks."""

    usage: float
    dead: int
    perplexity: float


def count_indices(indices: Tensor, index_sizes: Sequence[int]) -> Tensor | None:
    """How often each column of indices (b, h, w, q) holds each value: (q, K) int64, K the largest alphabet.

    None where an alphabet is too large to be counted (over 2^20, such as a plain autoencoder's float patterns).
    """
    size = max(index_sizes)
    if size > _LARGEST_ALPHABET:
        return None
    num_columns = len(index_sizes)
    offsets = torch.arange(num_columns, device=indices.device) * size
    flat = (indices.reshape(-1, num_columns) + offsets).view(-1)
    return torch.bincount(flat, minlength=num_columns * size).view(num_columns, size)


def codebook_stats(counts: Tensor, index_sizes: Sequence[int], codebook_of: Sequence[int]) -> CodebookStats:
    """Usage from counts (q, K) as `count_indices` gives; columns with the same `codebook_of` share a codebook.

    Raises ValueError where nothing was counted.
    """
    if not counts.sum():
        raise ValueError("counts are all zero: no image was counted, so there is no usage to tell")
    used = total = 0
    perplexities = []
    for number in sorted(set(codebook_of)):
        columns = [column for column, of in enumerate(codebook_of) if of == number]
        size = index_sizes[columns[0]]
        codebook = counts[columns, :size].sum(0).double()
        used += int((codebook > 0).sum())
        total += size
        shares = codebook / codebook.sum()
        perplexities.append(torch.special.entr(shares).sum().exp().item())
    return CodebookStats(used / total, total - used, sum(perplexities) / len(perplexities))
