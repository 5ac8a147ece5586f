"""Work on a thread of its own, which nobody has to wait for."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Work(threading.Thread, Generic[T]):
    """`task`, begun at once. It goes on when nobody waits any longer, and does not keep the process alive."""

    def __init__(self, task: Callable[[], T]):
        super().__init__(name="vqzoo-work", daemon=True)
        self._task = task
        self._done: T
        self._failed: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._done = self._task()
        except Exception as error:  # raised where the result is asked for
            self._failed = error

    def is_done(self, seconds: float) -> bool:
        """Wait that long at most."""
        self.join(seconds)
        return not self.is_alive()

    def result(self) -> T:
        """What the task returned, or raised; it has to be done."""
        assert not self.is_alive(), "ask is_done first"
        if self._failed is not None:
            raise self._failed
        return self._done
