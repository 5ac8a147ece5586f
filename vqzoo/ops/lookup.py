"""Nearest-codevector search that never holds the whole N x K matrix of similarities."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

import vqzoo.ops.search  # noqa: F401  registers torch.ops.vqzoo.search

Metric = Literal["l2", "cosine"]
METRICS: tuple[str, ...] = ("l2", "cosine")

_GPU_TILE = 2**27  # 512 MiB of float32
_GPU_KERNEL = 0  # longest codevectors for which `gpu_kernel` is used; benchmarks/gpu.py measures the value
_MOST_ROWS = 2**17  # codevectors compared at a time
_MOST_NUMBERS = 2**21  # numbers of a codebook copied at a time: 8 MiB


@torch.no_grad()
def nearest(latents: Tensor, codebook: Tensor, metric: Metric = "l2") -> Tensor:
    """Return the index of the codevector nearest to each latent; the lowest index wins ties.

    latents (n, d), codebook (k, d), both float32 -> (n,) int64 in [0, k). "l2" minimises |z - e|^2, "cosine" maximises
    z.e / (|z| |e|). Beyond inputs and result it needs 4 bytes a latent and, whatever n and k, under 16 MiB on a CPU and
    about 0.5 GiB on a GPU.
    """
    if metric == "l2" and codebook.shape[1] == 1:
        return _nearest_number(latents.reshape(-1).contiguous(), codebook.reshape(-1))
    return _search(latents, codebook, None, metric)


@torch.no_grad()
def highest(latents: Tensor, codebook: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the index of the largest z.e_k + bias_k of each latent; the lowest index wins ties.

    latents (n, d), codebook (k, d), bias (k,), all float32 -> (n,) int64 in [0, k). Memory as for `nearest`.
    """
    return _search(latents, codebook, bias, "product")


def _nearest_number(numbers: Tensor, codebook: Tensor) -> Tensor:
    """Return `nearest` for d = 1: binary search in the sorted codebook instead of comparing with all of it."""
    ordered, order = codebook.sort(stable=True)
    above = torch.searchsorted(ordered, numbers).clamp(max=len(ordered) - 1)
    below = torch.searchsorted(ordered, ordered[(above - 1).clamp(min=0)])  # the first of equal ones
    to_below, to_above = (numbers - ordered[below]).abs(), (numbers - ordered[above]).abs()
    first, second = order[below], order[above]
    return torch.where((to_below < to_above) | ((to_below == to_above) & (first < second)), first, second)


def _search(latents: Tensor, codebook: Tensor, bias: Tensor | None, metric: str) -> Tensor:
    if latents.device.type == "cpu":
        indices: Tensor = torch.ops.vqzoo.search(latents, codebook, bias, metric)
        return indices
    size, width = codebook.shape
    step = min(_MOST_ROWS, max(256, _MOST_NUMBERS // width))
    parts = [slice(start, start + step) for start in range(0, size, step)]
    best, indices = _best_of(latents, *_factors(codebook, bias, metric, parts[0]))
    for part in parts[1:]:
        values, others = _best_of(latents, *_factors(codebook, bias, metric, part))
        better = values > best  # strictly, so that the lowest index wins ties
        best, indices = torch.where(better, values, best), torch.where(better, others + part.start, indices)
    return indices


def _factors(codebook: Tensor, bias: Tensor | None, metric: str, part: slice) -> tuple[Tensor, Tensor | None]:
    """Return the part of the codebook to multiply by, and the bias to add, as in `vqzoo.ops.search`."""
    if metric == "cosine":
        return F.normalize(codebook[part], dim=1), None
    if metric == "l2":
        return codebook[part], codebook[part].square().sum(1).mul_(-0.5)
    return codebook[part], None if bias is None else bias[part]


def _best_of(latents: Tensor, codebook: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the largest similarity (n,) of each latent and its index (n,)."""
    if latents.is_cuda and codebook.shape[1] <= _GPU_KERNEL:
        from vqzoo.ops import gpu_kernel  # imported here because Triton takes time to import

        return gpu_kernel.search(latents, codebook, bias)
    parts = latents.split(max(1024, _GPU_TILE // len(codebook)))
    values, indices = zip(*(_max_columns(codebook, part, bias) for part in parts), strict=True)
    return torch.cat(values), torch.cat(indices)


def _max_columns(codebook: Tensor, latents: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    scores = latents @ codebook.T if bias is None else torch.addmm(bias, latents, codebook.T)
    values, indices = scores.max(1)
    return values, indices


def similarity_factors(latents: Tensor, codebook: Tensor, metric: Metric) -> tuple[Tensor, Tensor, Tensor]:
    """Return (latents, codebook, bias) whose z e' + bias is the similarity that `nearest` maximises, differentiable.

    "l2": -|z - e|^2 without |z|^2, which a softmax over codevectors ignores; "cosine": the cosine.
    """
    if metric == "cosine":
        return F.normalize(latents, dim=1), F.normalize(codebook, dim=1), codebook.new_zeros(len(codebook))
    return 2 * latents, codebook, -codebook.square().sum(1)


def rows(table: Tensor, indices: Tensor) -> Tensor:
    """Return the rows of `table` (k, d) at `indices` (...) as (..., d), differentiable.

    On a CPU the backward pass of `index_select` is several times faster than that of `embedding` for short rows.
    """
    if table.device.type == "cpu" and table.shape[1] <= 16:
        return table.index_select(0, indices.reshape(-1)).view(*indices.shape, -1)
    return F.embedding(indices, table)


def sums_by_index(latents: Tensor, indices: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return count (size,) and sum (size, d), float32, of the latents (n, d) that chose each index (n,)."""
    counts = torch.bincount(indices, minlength=size).to(latents.dtype)
    sums = latents.new_zeros(size, latents.shape[1])
    sums.scatter_add_(0, indices[:, None].expand_as(latents), latents)
    return counts, sums
