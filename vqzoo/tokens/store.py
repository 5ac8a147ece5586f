"""Files of a token set, in a local folder or wherever fsspec can write."""

import os
import shutil
from pathlib import Path

import fsspec

_PARTIAL = ".partial"


class Store:
    """A folder whose files are whole at any moment, whatever is killed while it writes them.

    `url` is a local path, or one of fsspec, such as "s3://bucket/folder". Object stores show a file when all of it has
    arrived; on a disk it is written into a folder of its own and renamed.
    """

    def __init__(self, url: str):
        self.url = str(url)
        self.files, self.root = fsspec.core.url_to_fs(self.url)
        self.local = isinstance(self.files, fsspec.implementations.local.LocalFileSystem)

    def has(self, name: str) -> bool:
        """Return whether a file exists."""
        return bool(self.files.exists(f"{self.root}/{name}"))

    def names(self, folder: str) -> set[str]:
        """Return the files in a folder, as `folder/name`."""
        if not self.files.exists(f"{self.root}/{folder}"):
            return set()
        return {f"{folder}/{path.rpartition('/')[2]}" for path in self.files.ls(f"{self.root}/{folder}", detail=False)}

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        return bytes(self.files.cat_file(f"{self.root}/{name}"))

    def write(self, name: str, content: bytes) -> None:
        """Write a file; of several processes that write the same one, any may be the last."""
        if not self.local:
            self.files.pipe_file(f"{self.root}/{name}", content)
            return
        path = Path(self.root, name)
        partial = Path(self.root, _PARTIAL, f"{path.name}.{os.uname().nodename}.{os.getpid()}")
        for folder in (path.parent, partial.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.replace(partial, path)
        except FileNotFoundError:  # another process finished the set and called `tidy`
            if not path.is_file():
                raise

    def open(self, name: str) -> "fsspec.core.OpenFile":
        """Return a file to be read, not yet opened."""
        return fsspec.core.OpenFile(self.files, f"{self.root}/{name}")

    def tidy(self) -> None:
        """Remove what killed processes left behind."""
        if self.local:
            shutil.rmtree(Path(self.root, _PARTIAL), ignore_errors=True)
