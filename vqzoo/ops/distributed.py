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


def sample_rows(rows: Tensor, num: int, seed: int = 0) -> Tensor:
    """`num` rows drawn from the concatenation of every process's `rows` (n, d), the same on all of them.

    Without replacement while there are enough; after that rows repeat with a jitter of 1 % of the rows' standard
    deviation, so that no two are equal. The draw is seeded and leaves the global random state alone.
    """
    world, rank = (dist.get_world_size(), dist.get_rank()) if _active() else (1, 0)
    sizes = torch.zeros(world, dtype=torch.int64, device=rows.device)
    sizes[rank] = len(rows)
    sizes = all_reduce(sizes).cpu()
    start, total = int(sizes[:rank].sum()), int(sizes.sum())
    generator = torch.Generator().manual_seed(seed)
    draws = -(-num // total)
    chosen = torch.cat([torch.randperm(total, generator=generator) for _ in range(draws)])[:num] - start
    mine = (chosen >= 0) & (chosen < len(rows))
    drawn = rows.new_zeros(num, rows.shape[1])
    drawn[mine.to(rows.device)] = rows[chosen[mine].to(rows.device)]
    drawn = all_reduce(drawn)
    if draws > 1:
        jitter = torch.randn(num - total, rows.shape[1], generator=generator).to(rows)
        scale = drawn[:total].std(0, unbiased=False).clamp(min=1e-4)
        drawn[total:] += 0.01 * scale * jitter
    return drawn
