"""Which images are in a batch: a function of its number alone."""

import torch
from torch import Tensor


def share_of(batch_size: int, world_size: int, accumulate: int = 1) -> int:
    """Images of each global batch that are a process's own; raises ValueError where processes cannot share it.

    Of `batch_size` images a step, each of `accumulate` parts is such a batch.
    """
    if batch_size % (accumulate * world_size):
        parts = f", accumulate={accumulate}: expected parts of" if accumulate > 1 else ": expected"
        raise ValueError(f"batch_size={batch_size}{parts} a multiple of the {world_size} processes")
    return batch_size // (accumulate * world_size)


def permutation(num: int, seed: int, epoch: int) -> Tensor:
    """The order of `num` images in an epoch."""
    return torch.randperm(num, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))


class Order:
    """Every epoch is a permutation of its own, seeded by (seed, epoch); what does not fill a batch is carried into the
    next one. Of each global batch a process gets a run of its own: shares joined in the order of ranks are the batch.
    """

    def __init__(self, num: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1):
        self.num, self.batch_size, self.seed = num, batch_size, seed
        self.share = share_of(batch_size, world_size)
        self.offset = rank * self.share
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def at(self, number: int) -> tuple[Tensor, Tensor]:
        """(share,) epochs and (share,) rows of this process's images of batch `number`."""
        places = number * self.batch_size + self.offset + torch.arange(self.share)
        epochs, offsets = places // self.num, places % self.num
        rows = torch.cat([self._of(int(epoch))[offsets[epochs == epoch]] for epoch in epochs.unique()])
        return epochs, rows

    def _of(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            self._epoch, self._order = epoch, permutation(self.num, self.seed, epoch)
        return self._order
