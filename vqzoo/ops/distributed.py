"""The one place where processes exchange statistics; with a single process every function is the identity."""

import torch
import torch.distributed as dist
from torch import Tensor


def _active() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def all_reduce(tensor: Tensor, op: str = "sum") -> Tensor:
    """The sum ("sum") or maximum ("max") of `tensor` over all processes, as a new tensor."""
    if not _active():
        return tensor
    tensor = tensor.clone()
    dist.all_reduce(tensor, {"sum": dist.ReduceOp.SUM, "max": dist.ReduceOp.MAX}[op])
    return tensor


def all_mean(tensor: Tensor) -> Tensor:
    """The mean of `tensor` over all processes, differentiable.

    The gradient is such that the average over processes, which is what data-parallel training applies, equals the
    gradient that one process with the whole batch would have.
    """
    if not _active():
        return tensor
    return all_reduce(tensor.detach()) / dist.get_world_size() + (tensor - tensor.detach())


def place(num: int, device: torch.device) -> tuple[int, int]:
    """Where this process's `num` rows start in the concatenation of every process's, and how many there are in all."""
    if not _active():
        return 0, num
    sizes = torch.zeros(dist.get_world_size(), dtype=torch.int64, device=device)
    sizes[dist.get_rank()] = num
    sizes = all_reduce(sizes).cpu()
    return int(sizes[: dist.get_rank()].sum()), int(sizes.sum())


def shared_out(rows: Tensor) -> Tensor:
    """Return a process's part of equally many rows of every process, in runs of the order in which one would have them.

    `rows` (b, n, d) are a process's shares of b batches: joined in the order of ranks, a batch's shares are the batch.
    """
    if not _active():
        return rows.flatten(0, 1)
    shares = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(shares, rows.contiguous())
    return torch.cat(shares, 1).flatten(0, 1).chunk(dist.get_world_size())[dist.get_rank()]


def of_highest(rows: Tensor, scores: Tensor) -> Tensor:
    """Of every process's rows (k, d) the one with the highest score (k,); of equal ones the first process's."""
    if not _active():
        return rows
    behind = torch.where(scores == all_reduce(scores, "max"), -float(dist.get_rank()), -torch.inf)
    mine = (behind == all_reduce(behind, "max")) & behind.isfinite()
    return all_reduce(torch.where(mine[:, None], rows, 0))


def sample_rows(rows: Tensor, num: int, seed: int = 0) -> Tensor:
    """`num` rows drawn from the concatenation of every process's `rows` (n, d), the same on all of them.

    Without replacement while there are enough; after that rows repeat. Where one of those drawn equals another one, it
    gets a jitter of 1 % of the rows' standard deviation, so that no two are equal. The draw is seeded and leaves the
    global random state alone.
    """
    start, total = place(len(rows), rows.device)
    generator = torch.Generator().manual_seed(seed)
    draws = -(-num // total)
    chosen = torch.cat([torch.randperm(total, generator=generator) for _ in range(draws)])[:num] - start
    mine = (chosen >= 0) & (chosen < len(rows))
    drawn = rows.new_zeros(num, rows.shape[1])
    drawn[mine.to(rows.device)] = rows[chosen[mine].to(rows.device)]
    drawn = all_reduce(drawn)
    repeated = _repeated(drawn)
    if repeated.any():
        # At least a hundred-thousandth of the largest number, or float32 would round the jitter away.
        scale = torch.maximum(drawn.std(0, unbiased=False), 1e-3 * drawn.abs().amax(0)).clamp(min=1e-4)
        jitter = torch.randn(drawn.shape, generator=generator).to(drawn)
        drawn[repeated] += (0.01 * scale * jitter)[repeated]
    return drawn


def _repeated(rows: Tensor) -> Tensor:
    """(k,) whether each of the rows (k, d) equals an earlier one."""
    uniques, group = rows.unique(dim=0, return_inverse=True)
    places = torch.arange(len(rows), device=rows.device)
    first = places.new_full((len(uniques),), len(rows)).scatter_reduce_(0, group, places, "amin")
    return places > first[group]
