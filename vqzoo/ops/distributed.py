"""Exchange of statistics between processes; a single process exchanges nothing."""

import torch
import torch.distributed as dist
from torch import Tensor


def _active() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def all_reduce(tensor: Tensor, op: str = "sum") -> Tensor:
    """Return the sum ("sum") or maximum ("max") of `tensor` over all processes, as a new tensor."""
    if not _active():
        return tensor
    tensor = tensor.clone()
    dist.all_reduce(tensor, {"sum": dist.ReduceOp.SUM, "max": dist.ReduceOp.MAX}[op])
    return tensor


def all_mean(tensor: Tensor) -> Tensor:
    """Return the mean of `tensor` over all processes, differentiable.

    Data-parallel training averages gradients over processes. With this gradient that average equals the gradient of one
    process that has the whole batch.
    """
    if not _active():
        return tensor
    return all_reduce(tensor.detach()) / dist.get_world_size() + (tensor - tensor.detach())


def row_offset(num: int, device: torch.device) -> tuple[int, int]:
    """Return (offset, total) of this process's `num` rows in the concatenation of all processes' rows.

    `device` is where the processes exchange their counts.
    """
    if not _active():
        return 0, num
    sizes = torch.zeros(dist.get_world_size(), dtype=torch.int64, device=device)
    sizes[dist.get_rank()] = num
    sizes = all_reduce(sizes).cpu()
    return int(sizes[: dist.get_rank()].sum()), int(sizes.sum())


def reshard_rows(rows: Tensor) -> Tensor:
    """Redistribute rows so that each process holds a consecutive run of the single-process order.

    `rows` (b, n, d) holds this process's share of each of b batches, equally many rows on every process; joined in the
    order of ranks, the shares of a batch are the batch. Returns (m, d), m the rows of this rank.
    """
    if not _active():
        return rows.flatten(0, 1)
    shares = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(shares, rows.contiguous())
    return torch.cat(shares, 1).flatten(0, 1).chunk(dist.get_world_size())[dist.get_rank()]


def highest_scored(rows: Tensor, scores: Tensor) -> Tensor:
    """Return, for each of k positions, the row of the process whose score is highest.

    `rows` (k, d) and `scores` (k,) are this process's; the result (k, d) is the same on all. The lowest rank wins ties.
    """
    if not _active():
        return rows
    order = torch.where(scores == all_reduce(scores, "max"), -float(dist.get_rank()), -torch.inf)
    mine = (order == all_reduce(order, "max")) & order.isfinite()
    return all_reduce(torch.where(mine[:, None], rows, 0))


def sample_rows(rows: Tensor, num: int, seed: int = 0) -> Tensor:
    """Draw `num` rows from the concatenation of all processes' `rows` (n, d); the result is the same on all of them.

    Rows are drawn without replacement while there are enough and repeat after that. A drawn row that equals an earlier
    one gets a jitter of 1 % of the rows' standard deviation, so that no two are equal. The draw depends on `seed` alone
    and leaves the global random state untouched.
    """
    start, total = row_offset(len(rows), rows.device)
    generator = torch.Generator().manual_seed(seed)
    draws = -(-num // total)
    chosen = torch.cat([torch.randperm(total, generator=generator) for _ in range(draws)])[:num] - start
    mine = (chosen >= 0) & (chosen < len(rows))
    drawn = rows.new_zeros(num, rows.shape[1])
    drawn[mine.to(rows.device)] = rows[chosen[mine].to(rows.device)]
    drawn = all_reduce(drawn)
    repeated = _repeated(drawn)
    if repeated.any():
        # At least 1e-5 of the largest number: float32 would round a smaller jitter away.
        scale = torch.maximum(drawn.std(0, unbiased=False), 1e-3 * drawn.abs().amax(0)).clamp(min=1e-4)
        jitter = torch.randn(drawn.shape, generator=generator).to(drawn)
        drawn[repeated] += (0.01 * scale * jitter)[repeated]
    return drawn


def _repeated(rows: Tensor) -> Tensor:
    """Return (k,) bool: whether each of the rows (k, d) equals an earlier one."""
    uniques, group = rows.unique(dim=0, return_inverse=True)
    positions = torch.arange(len(rows), device=rows.device)
    first = positions.new_full((len(uniques),), len(rows)).scatter_reduce_(0, group, positions, "amin")
    return positions > first[group]
