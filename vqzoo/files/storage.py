"""Tokenizers on disk: folders, JSON files and weights headers; torch is not needed."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vqzoo.files.header import TensorInfo, read_header
from vqzoo.files.json import parse_json
from vqzoo.ops.text import brief

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
MAP = "map.json"
"""Optional file with maps of the codebooks, see `analysis.codebook_map`."""
NEIGHBOURS = "neighbours.safetensors"
"""Optional file with what the neighbours of an index tell about it, see `tokens.neighbours`."""
CARDS_VARIABLE = "VQZOO_CARDS"
"""Environment variable that names a folder of tokenizers in place of the checkout's model_cards/."""
JSON_LIMIT = 2**20
"""Largest JSON file, in bytes, that is read."""
WEIGHTS_LIMIT = 2 * 2**30
"""Largest weights file, in bytes, that is downloaded or read."""
# The inside of an indented list of numbers. Strings in JSON have no line breaks, so none can match.
_NUMBERS = re.compile(r"(?<=\[)\n[^][{}\"]+(?=\])")


def cards_folder() -> Path:
    """Return the folder of named tokenizers: $VQZOO_CARDS, or model_cards/ of the checkout."""
    return Path(os.environ.get(CARDS_VARIABLE, Path(__file__).parents[2] / "model_cards"))


def is_path(source: str) -> bool:
    """Return whether a source can only be a local path, existing or not: it begins with a dot, a slash or a tilde."""
    return source.startswith((".", "/", "~"))


class Folder:
    """A local folder to load from, with the interface of `download.Repository`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = folder.resolve().name

    def path(self, name: str, limit: int = JSON_LIMIT) -> Path:
        """Return the path of a file.

        Raises ValueError if there is none, it is over `limit` bytes, or it is a link out of the folder.
        """
        path = self.folder / name
        if not path.is_file():
            raise ValueError(f"{self.name}: there is no {name}; expected a folder with {CONFIG} and {WEIGHTS}")
        real, root = Path(os.path.realpath(path)), Path(os.path.realpath(self.folder))
        # In the Hub's cache a snapshot is a folder of links to blobs.
        blobs = root.parents[1] / "blobs" if root.parent.name == "snapshots" else root
        if root not in real.parents and blobs not in real.parents:
            raise ValueError(f"{name} of {self.name} is a link out of the folder; put the file itself there")
        check_size(f"{name} of {self.name}", path.stat().st_size, limit)
        return path

    def has(self, name: str) -> bool:
        """Return whether the file exists."""
        return (self.folder / name).is_file()

    def header(self, name: str) -> dict[str, TensorInfo]:
        """Return the tensors that a safetensors file lists."""
        return weights_header(self.path(name, WEIGHTS_LIMIT), self.name)


def check_size(where: str, size: object, limit: int) -> None:
    """Raise ValueError for a file of more than `limit` bytes, or of unknown size."""
    if type(size) is not int or size > limit:
        shown = f"{size:,} bytes" if type(size) is int else "an unknown size"
        raise ValueError(f"{where} has {shown}; at most {limit:,} bytes are read")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def weights_header(path: Path, owner: str) -> dict[str, TensorInfo]:
    """Return `read_header` of a file; a ValueError names the file and `owner`, the tokenizer it belongs to."""
    try:
        return read_header(path)
    except ValueError as error:
        raise weights_error(path, owner, error) from None


def read_json(path: Path, owner: str | None = None) -> dict[str, Any]:
    """Return the object in a JSON file of `owner` (default: its folder); a ValueError says what is wrong and where."""
    owner = path.parent.name if owner is None else owner
    where = f"{path.name} of {owner}"
    if not path.is_file():
        raise ValueError(f"{owner}: there is no {path.name}; expected a folder with {CONFIG} and {WEIGHTS}")
    check_size(where, path.stat().st_size, JSON_LIMIT)
    try:
        value = parse_json(path.read_bytes())
    except ValueError as error:  # wrong syntax or encoding, numbers too long, or nesting too deep
        raise ValueError(f"{where} is not valid JSON: {brief(error, 120)}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a JSON object, not a {type(value).__name__}")
    return value


def write_json(path: Path, value: dict[str, Any], indent: int | None = 2) -> None:
    """Write an object as JSON, whole at any moment.

    With `indent` each list of numbers stays on one line; with None all of the object does.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators)
    write_text(path, _NUMBERS.sub(lambda match: " ".join(match[0].split()), text) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file that is whole at any moment."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Context manager that yields a temporary path and renames it to `path` at the end.

    Readers see the old file or the new one, whatever other processes write. If writing fails, the old file stays.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def weights_error(path: Path, owner: str, reason: Exception) -> ValueError:
    """Return the error to raise for a weights file of `owner` that cannot be read."""
    return ValueError(f"{path.name} of {owner} is cut short or no safetensors file: {brief(reason, 160)}")
