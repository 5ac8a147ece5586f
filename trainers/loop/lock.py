"""One process at a time trains in a run folder."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class RunLocked(ValueError):
    """Another process is there already."""


@contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Raises Taken where another process of this machine is in here with the same folder.

    The lock ends with the process, however that ends. It lies among the temporary files: a run that never begins leaves
    no folder behind. Of processes that train together the first one holds it.
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
