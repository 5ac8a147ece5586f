"""Nearest-codevector search in tiles, so that the N x K matrix of similarities never exists as a whole."""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Metric = Literal["l2", "cosine"]
METRICS: tuple[str, ...] = ("l2", "cosine")

_CPU_TILE = 2**19  # similarities in a tile: 2 MiB of float32, about what stays in a core's cache
_CPU_TILES = 2**23  # similarities in all tiles: 32 MiB
_PAGE = 1024  # float32 in 4 KiB: rows that far apart crowd into a few lines of the cache and take twice as long
_GPU_TILE = 2**27  # 512 MiB of float32
_LONGEST = 2**17  # codevectors looked at in one go; more are a second round
_WIDEST = 2**21  # numbers of a codebook that are copied in one go: 8 MiB


@torch.no_grad()
def nearest(latents: Tensor, codebook: Tensor, metric: Metric = "l2") -> Tensor:
    """The index of the codevector nearest to each latent; ties go to the lowest index.

    latents (n, d), codebook (k, d), both float32 -> (n,) int64 in [0, k).
    "l2" minimises |z - e|^2, "cosine" maximises z.e / (|z| |e|). Memory beyond inputs and result stays under 64 MiB on
    a CPU and about 0.5 GiB on a GPU, whatever n and k.
    """
    if metric == "cosine":
        # The length of a latent does not change its arg-max, so latents stay as they are.
        return _search(latents, codebook, lambda part: (F.normalize(codebook[part], dim=1), None))
    if codebook.shape[1] == 1:
        return _nearest_number(latents.reshape(-1).contiguous(), codebook.reshape(-1))
    # argmin |z - e|^2 = argmax z.e - |e|^2 / 2: the term |z|^2 is the same for every codevector.
    return _search(latents, codebook, lambda part: (codebook[part], codebook[part].square().sum(1).mul_(-0.5)))


@torch.no_grad()
def highest(latents: Tensor, codebook: Tensor, bias: Tensor | None = None) -> Tensor:
    """The index of the largest z.e_k + bias_k of each latent; ties go to the lowest index.

    latents (n, d), codebook (k, d), bias (k,), all float32 -> (n,) int64 in [0, k). Memory as `nearest`.
    """
    return _search(latents, codebook, lambda part: (codebook[part], None if bias is None else bias[part]))


def _nearest_number(numbers: Tensor, codebook: Tensor) -> Tensor:
    """`nearest` on a line, where sorting the codebook once is far cheaper than looking at all of it."""
    ordered, order = codebook.sort(stable=True)
    above = torch.searchsorted(ordered, numbers).clamp(max=len(ordered) - 1)
    below = torch.searchsorted(ordered, ordered[(above - 1).clamp(min=0)])  # of equal ones the first
    to_below, to_above = (numbers - ordered[below]).abs(), (numbers - ordered[above]).abs()
    first, second = order[below], order[above]
    return torch.where((to_below < to_above) | ((to_below == to_above) & (first < second)), first, second)


def _search(latents: Tensor, codebook: Tensor, part_of: Callable[[slice], tuple[Tensor, Tensor | None]]) -> Tensor:
    """`part_of` gives a part of the codebook as it is multiplied, and its bias."""
    size, width = codebook.shape
    step = min(_LONGEST, max(256, _WIDEST // width))
    best, indices = _best_of(latents, *part_of(slice(0, step)))
    for start in range(step, size, step):
        values, others = _best_of(latents, *part_of(slice(start, start + step)))
        better = values > best  # not where equal: ties go to the lowest index
        best, indices = torch.where(better, values, best), torch.where(better, others + start, indices)
    return indices


def _best_of(latents: Tensor, codebook: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """(n,) the largest similarity, (n,) its index."""
    if latents.device.type == "cpu":
        found = _best_in_tiles(latents, codebook, bias)
    else:
        found = [_max_columns(codebook, part, bias) for part in latents.split(max(1024, _GPU_TILE // len(codebook)))]
    return torch.cat([values for values, _ in found]), torch.cat([indices for _, indices in found])


def _best_in_tiles(latents: Tensor, codebook: Tensor, bias: Tensor | None) -> list[tuple[Tensor, Tensor]]:
    """A batch of tiles at a time, one a thread: neither the product nor the arg-max of a single tile divides well."""
    threads = _num_threads()
    # A codebook that does not stay in the cache is read again for every tile, so there had better be few.
    numbers = _CPU_TILE if codebook.numel() <= _CPU_TILE else 8 * _CPU_TILE
    tile = max(64, min(numbers // len(codebook), len(latents) // threads))
    tile -= 16 * (tile % _PAGE == 0)
    threads = max(1, min(threads, _CPU_TILES // (tile * len(codebook))))
    # The same memory for all: fresh memory costs more than the product that fills it.
    scores = codebook.new_empty(threads, len(codebook), tile)
    found = []
    for part in latents.split(threads * tile):
        whole = len(part) == threads * tile
        tiles = part.reshape(threads if whole else 1, -1, part.shape[1])
        found.append(_argmax_rows(codebook, tiles, bias, scores if whole else None))
    return found


def _num_threads() -> int:
    """torch's, in a form that a compiled graph takes for a constant."""
    return torch.get_num_threads()


# All that torch.compiler.assume_constant_result does, which imports the compiler for it: as slow as all of torch.
_num_threads._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _max_columns(codebook: Tensor, latents: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    scores = latents @ codebook.T if bias is None else torch.addmm(bias, latents, codebook.T)
    values, indices = scores.max(1)
    return values, indices


def nearness(latents: Tensor, codebook: Tensor, metric: Metric) -> tuple[Tensor, Tensor, Tensor]:
    """(latents, codebook, bias) whose z e' + bias is what `nearest` maximises, with a gradient, in the metric's unit.

    "l2": -|z - e|^2 up to |z|^2, which a softmax over codevectors does not see; "cosine": the cosine.
    """
    if metric == "cosine":
        return F.normalize(latents, dim=1), F.normalize(codebook, dim=1), codebook.new_zeros(len(codebook))
    return 2 * latents, codebook, -codebook.square().sum(1)


def _argmax_rows(codebook: Tensor, tiles: Tensor, bias: Tensor | None, scores: Tensor | None) -> tuple[Tensor, Tensor]:
    """Arg-max over codevectors with the latents of `tiles` (t, n, d) along the fast axis: two of (t n,).

    A CPU reduces (k, n) over k with vector instructions along n, which is several times faster than `argmax` over the
    last axis of (n, k). Max pooling that returns indices is the reduction of torch that does so. `scores` (t, k, n) is
    memory to work in.
    """
    table, planes = codebook.expand(len(tiles), -1, -1), tiles.transpose(1, 2)
    if bias is None:
        scores = torch.bmm(table, planes, out=scores)
    else:
        scores = torch.baddbmm(bias[:, None], table, planes, out=scores)
    as_images = scores[:, :, None, :].permute(0, 3, 1, 2)  # (t, n, k, 1): n channels in channels-last memory
    values, indices = F.max_pool2d(as_images, (len(codebook), 1), return_indices=True)
    return values.view(-1), indices.view(-1)


def rows(table: Tensor, indices: Tensor) -> Tensor:
    """The rows of `table` (k, d) at `indices` (...): (..., d), with a gradient.

    On a CPU the gradient of short rows is several times faster to add up by `index_select` than by `embedding`.
    """
    if table.device.type == "cpu" and table.shape[1] <= 16:
        return table.index_select(0, indices.reshape(-1)).view(*indices.shape, -1)
    return F.embedding(indices, table)


def sums_by_index(latents: Tensor, indices: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Count and sum of the latents that chose each index: (n, d), (n,) -> (size,), (size, d), float32."""
    counts = torch.bincount(indices, minlength=size).to(latents.dtype)
    sums = latents.new_zeros(size, latents.shape[1])
    sums.scatter_add_(0, indices[:, None].expand_as(latents), latents)
    return counts, sums
