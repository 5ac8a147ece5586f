"""What a command does when who reads its output has seen enough, as `| head` has: it ends, and that is no error."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def readers_may_leave() -> Iterator[None]:
    """End the block quietly when standard output is closed; what it printed is flushed within."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # Python writes there once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
