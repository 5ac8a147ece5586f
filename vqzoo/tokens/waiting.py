"""Batches of pictures of one size, out of pictures in any order."""

from collections.abc import Iterator

import numpy as np

_BATCH_PIXELS = 2**22
"""Pixels of a batch of pictures that keep their own sizes."""
_WAITING_PIXELS = 2**26
"""Pixels of all such pictures that wait for others of their size."""

Batch = list[tuple[int, np.ndarray]]
"""Rows and the pixels of each, uint8 (c, h, w) of one size."""


class Waiting:
    """Pictures that wait for others of their size to be encoded together.

    Batches depend on the order of the pictures alone. They have `most` pictures; where sizes differ fewer, as
    `_BATCH_PIXELS` and `_WAITING_PIXELS` bound the memory.
    """

    def __init__(self, most: int, one_size: bool):
        self.most, self.one_size = most, one_size
        self.groups: dict[tuple[int, ...], Batch] = {}
        self.pixels = 0

    def add(self, row: int, view: np.ndarray) -> Iterator[Batch]:
        """Add a picture; yield the batches that are then due."""
        area = view[0].size
        group = self.groups.setdefault(view.shape, [])
        group.append((row, view))
        self.pixels += area
        if len(group) >= (self.most if self.one_size else max(1, min(self.most, _BATCH_PIXELS // area))):
            yield self._take(view.shape)
        while self.pixels > _WAITING_PIXELS and not self.one_size:
            yield self._take(next(iter(self.groups)))

    def rest(self) -> Iterator[Batch]:
        """Yield all that still wait."""
        yield from self.groups.values()

    def _take(self, shape: tuple[int, ...]) -> Batch:
        batch = self.groups.pop(shape)
        self.pixels -= len(batch) * batch[0][1][0].size
        return batch
