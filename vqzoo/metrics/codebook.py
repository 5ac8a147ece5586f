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


def count_indices(indices: Tensor, index_sizes: Sequence[int]) -> tuple[Tensor, ...] | None:
    """How often each of the q columns of indices (b, h, w, q) holds each value of its alphabet: q times (K,) int64.

    None where an alphabet is too large to be counted (over 2^20, such as a plain autoencoder's float patterns).
    """
    if max(index_sizes) > _LARGEST_ALPHABET:
        return None
    sizes = torch.tensor(index_sizes, device=indices.device)
    starts = sizes.cumsum(0) - sizes
    flat = (indices.reshape(-1, len(sizes)) + starts).reshape(-1)
    # Not bincount: on a GPU that waits until the largest index is known, and training counts at every step.
    counts = torch.zeros(sum(index_sizes), dtype=torch.int64, device=indices.device)
    return counts.scatter_add_(0, flat, torch.ones_like(flat)).split(list(index_sizes))


def by_codebook(counts: Sequence[Tensor], codebook_of: Sequence[int]) -> list[Tensor]:
    """Counts of each codebook from those of each column; columns of one `codebook_of` share a codebook."""
    columns = list(zip(counts, codebook_of, strict=True))
    return [torch.stack([c for c, of in columns if of == book]).sum(0) for book in sorted(set(codebook_of))]


def codebook_stats(counts: Sequence[Tensor], codebook_of: Sequence[int]) -> CodebookStats:
    """Usage from the counts of each column, as `count_indices` gives; columns of one `codebook_of` share a codebook.

    Raises ValueError where nothing was counted.
    """
    if not any(column.any() for column in counts):
        raise ValueError("counts are all zero: no image was counted, so there is no usage to tell")
    used = total = 0
    perplexities = []
    for codebook in by_codebook(counts, codebook_of):
        used += int((codebook > 0).sum())
        total += len(codebook)
        shares = codebook.double() / codebook.sum()
        perplexities.append(torch.special.entr(shares).sum().exp().item())
    return CodebookStats(used / total, total - used, sum(perplexities) / len(perplexities))
