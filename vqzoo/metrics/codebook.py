"""Codebook usage over a whole data set, from counts that can be added up over batches of any size and order."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vqzoo.metrics.counts import by_codebook

_LARGEST_ALPHABET = 2**20


@dataclass(frozen=True)
class CodebookStats:
    """Usage of one or more codebooks.

    usage: share of codevectors that were chosen at least once, 0..1. dead: number of those that never were.
    perplexity: exp of the entropy of the choices, 1..K, mean over codebooks.
    """

    usage: float
    dead: int
    perplexity: float


def count_indices(indices: Tensor, index_sizes: Sequence[int]) -> tuple[Tensor, ...] | None:
    """Count each value of the alphabet in each of the q columns of indices (b, h, w, q): q tensors (K,) int64.

    None if an alphabet is too large to count (over 2^20, such as a plain autoencoder's float patterns).
    """
    if max(index_sizes) > _LARGEST_ALPHABET:
        return None
    sizes = torch.tensor(index_sizes, device=indices.device)
    starts = sizes.cumsum(0) - sizes
    flat = (indices.reshape(-1, len(sizes)) + starts).reshape(-1)
    # Not bincount: on a GPU it synchronizes to learn the largest index, and training counts at every step.
    counts = torch.zeros(sum(index_sizes), dtype=torch.int64, device=indices.device)
    return torch.split(counts.scatter_add_(0, flat, torch.ones_like(flat)), list(index_sizes))


def codebook_stats(counts: Sequence[Tensor], codebook_of: Sequence[int]) -> CodebookStats:
    """Compute usage from the `count_indices` of each column; columns with equal `codebook_of` share a codebook.

    Raises ValueError if all counts are zero.
    """
    if not any(column.any() for column in counts):
        raise ValueError("counts are all zero: usage needs the indices of at least one image")
    used = total = 0
    perplexities = []
    for codebook in by_codebook(counts, codebook_of):
        used += int((codebook > 0).sum())
        total += len(codebook)
        shares = codebook.double() / codebook.sum()
        perplexities.append(torch.special.entr(shares).sum().exp().item())
    return CodebookStats(used / total, total - used, sum(perplexities) / len(perplexities))
