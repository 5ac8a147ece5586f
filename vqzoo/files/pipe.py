"""Output to a pipe whose reader may close it early, as `| head` does."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ignore_broken_pipe() -> Iterator[None]:
    """Context manager that ends its block quietly if standard output is closed; it flushes standard output."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # Python flushes it once more on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
