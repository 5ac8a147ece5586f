"""What all sources of training images have in common."""

from collections.abc import Generator
from typing import Any, Protocol

from torch import Tensor

from trainers.data.pictures import Tally


class Feed(Protocol):
    """A source of training images that can be taken up again at any batch."""

    @property
    def bad(self) -> Tally:
        """Images that could not be read, as far as this process knows."""

    def batches(self, start: int, state: Any = None) -> Generator[Tensor, None, None]:
        """(share, c, side, side) uint8: this process's share of global batch `start`, of the one after it, and so on
        without an end; closing it ends what reads ahead. `state` is what `state` gave when batch `start` was the next.

        Raises ValueError for a state that is not of this source and number of processes, and where too many images
        cannot be read; OSError where the source is lost.
        """

    def state(self) -> Any:
        """Plain values that, with the number of the next batch, take up right behind the last batch that was handed
        out to this process; None where the number says it all."""
