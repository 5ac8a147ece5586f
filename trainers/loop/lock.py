"""A lock for a run folder, in which one training runs at a time."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class RunLocked(ValueError):
    """Another process trains in the run folder."""


@contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Hold the lock of a run folder; raise RunLocked where another process of this machine holds it.

    The lock ends with the process, even if that is killed. Of processes that train together the first one holds it. It
    is a temporary file outside the folder, so that a run that fails at once leaves no folder behind.
    """
    if int(os.environ.get("RANK", "0")):
        yield
        return
    name = hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir(), f"vqzoo-{name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise RunLocked(f"another process is training in {run}; wait for it, or give another --runs FOLDER") from None
    try:
        yield
    finally:
        lock.release()
