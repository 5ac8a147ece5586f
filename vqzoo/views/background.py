"""Background threads whose results can be waited for."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Work(threading.Thread, Generic[T]):
    """A daemon thread that runs `task` at once, also when its caller stops waiting."""

    def __init__(self, task: Callable[[], T]):
        super().__init__(name="vqzoo-work", daemon=True)
        self._task = task
        self._done: T
        self._failed: Exception | None = None
        self.start()

    def run(self) -> None:
        """Run the task and store its result or its exception."""
        try:
            self._done = self._task()
        except Exception as error:  # raised again by `result`
            self._failed = error

    def is_done(self, seconds: float) -> bool:
        """Wait for at most `seconds`; return whether the task is done."""
        self.join(seconds)
        return not self.is_alive()

    def result(self) -> T:
        """Return what the task returned or raise what it raised; call it once the task is done."""
        assert not self.is_alive(), "ask is_done first"
        if self._failed is not None:
            raise self._failed
        return self._done
