"""Pause Python's garbage collector during imports."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Context manager that disables the garbage collector, for imports and other code whose objects stay for good.

    The collector would scan those objects again and again: a fifth of the time that importing torch takes.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
