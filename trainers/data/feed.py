"""The interface of a source of training images."""

from collections.abc import Generator
from typing import Any, Protocol

from torch import Tensor

from trainers.data.pictures import Tally


class Feed(Protocol):
    """A source of training images that can resume at any batch."""

    @property
    def bad(self) -> Tally:
        """Images that this process could not read."""

    def batches(self, start: int, state: Any = None) -> Generator[Tensor, None, None]:
        """Yield this process's share of global batch `start`, `start + 1`, ...: (share, c, side, side) uint8, endless.

        `state` is what `self.state()` returned when batch `start` was the next. Closing the generator ends threads and
        workers that read ahead. Raises ValueError for a state of another source or number of processes, and where too
        many images cannot be read; OSError where the source can no longer be read.
        """

    def state(self) -> Any:
        """Return plain values that, with the number of the next batch, resume after the last batch of this process.

        None where the number of the batch is enough.
        """
