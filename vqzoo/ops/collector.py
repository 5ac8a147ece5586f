"""The garbage collector of Python, out of the way while something starts."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Import or build what stays for good without the collector, which would look through all of it again and again.

    That is a fifth of the time that torch takes to import.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
