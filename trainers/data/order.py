"""The order of training images: which of them are in a batch depends on the batch's number alone."""

import torch
from torch import Tensor


def share_of(batch_size: int, world_size: int, accumulate: int = 1) -> int:
    """Return how many images of a global batch each process gets; a step of `batch_size` has `accumulate` batches.

    Raises ValueError where the processes cannot share a batch equally.
    """
    if batch_size % (accumulate * world_size):
        parts = f", accumulate={accumulate}: expected parts of" if accumulate > 1 else ": expected"
        raise ValueError(f"batch_size={batch_size}{parts} a multiple of the {world_size} processes")
    return batch_size // (accumulate * world_size)


def permutation(num: int, seed: int, epoch: int) -> Tensor:
    """Return the order of `num` images in an epoch."""
    return torch.randperm(num, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))


class Order:
    """The rows of every batch: each epoch is a permutation seeded by (seed, epoch).

    A batch may span two epochs, so that no image is dropped. Each process gets a contiguous share of a global batch;
    the shares joined in the order of ranks are the batch.
    """

    def __init__(self, num: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1):
        self.num, self.batch_size, self.seed = num, batch_size, seed
        self.share = share_of(batch_size, world_size)
        self.offset = rank * self.share
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def at(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the epochs (share,) and rows (share,) of this process's images of batch `number`."""
        positions = number * self.batch_size + self.offset + torch.arange(self.share)
        epochs, offsets = positions // self.num, positions % self.num
        rows = torch.cat([self._of(int(epoch))[offsets[epochs == epoch]] for epoch in epochs.unique()])
        return epochs, rows

    def _of(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            self._epoch, self._order = epoch, permutation(self.num, self.seed, epoch)
        return self._order
