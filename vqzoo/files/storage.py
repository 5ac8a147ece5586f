"""Tokenizers on disk: their folders and JSON files, and what their weights files say they hold; torch is not needed."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vqzoo.files.header import Stored, read_header
from vqzoo.files.json import parse_json
from vqzoo.ops.text import brief

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
MAP = "map.json"
"""Where there is one: maps of the codebooks, see `analysis.codebook_map`."""
CARDS_VARIABLE = "VQZOO_CARDS"
"""Environment variable: a folder to look for tokenizers in, in place of the checkout's model_cards/."""
JSON_LIMIT = 2**20
"""Bytes of a JSON file that are read."""
WEIGHTS_LIMIT = 2 * 2**30
"""Bytes of a weights file that are read, and downloaded."""
_NUMBERS = re.compile(r"(?<=\[)\n[^][{}\"]+(?=\])")
"""The inside of an indented list without texts, lists and objects. No text of JSON has a line break."""


def cards_folder() -> Path:
    """Where named tokenizers live: $VQZOO_CARDS, or model_cards/ of the checkout."""
    return Path(os.environ.get(CARDS_VARIABLE, Path(__file__).parents[2] / "model_cards"))


def is_path(source: str) -> bool:
    """Whether a source can only be a place on this machine, there or not: it begins with a dot, a slash or a tilde."""
    return source.startswith((".", "/", "~"))


class Folder:
    """A local folder as a place to load from; `Repository` is the other one."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = folder.resolve().name

    def path(self, name: str, limit: int = JSON_LIMIT) -> Path:
        """The file called `name`; ValueError if there is none, it is over `limit` bytes or a link out of the folder."""
        path = self.folder / name
        if not path.is_file():
            raise ValueError(f"{self.name}: there is no {name}; expected a folder with {CONFIG} and {WEIGHTS}")
        real, home = Path(os.path.realpath(path)), Path(os.path.realpath(self.folder))
        # In a cache of the Hub a snapshot is a folder of links to blobs.
        blobs = home.parents[1] / "blobs" if home.parent.name == "snapshots" else home
        if home not in real.parents and blobs not in real.parents:
            raise ValueError(f"{name} of {self.name} is a link out of the folder; put the file itself there")
        check_size(f"{name} of {self.name}", path.stat().st_size, limit)
        return path

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.folder / name).is_file()

    def header(self, name: str) -> dict[str, Stored]:
        """What a safetensors file says it holds."""
        return header_of(self.path(name, WEIGHTS_LIMIT), self.name)


def check_size(where: str, size: object, limit: int) -> None:
    """ValueError for a file of more than `limit` bytes, or of a size that is not known."""
    if type(size) is not int or size > limit:
        said = f"{size:,} bytes" if type(size) is int else "an unknown size"
        raise ValueError(f"{where} has {said}; at most {limit:,} bytes are read")


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def header_of(path: Path, of: str) -> dict[str, Stored]:
    """`read_header` of a file that belongs to `of`, which a ValueError names."""
    try:
        return read_header(path)
    except ValueError as error:
        raise damaged(path, of, error) from None


def read_json(path: Path, of: str | None = None) -> dict[str, Any]:
    """The object in a JSON file of `of` (its folder); ValueError names the file and the place of a mistake."""
    of = path.parent.name if of is None else of
    where = f"{path.name} of {of}"
    if not path.is_file():
        raise ValueError(f"{of}: there is no {path.name}; expected a folder with {CONFIG} and {WEIGHTS}")
    check_size(where, path.stat().st_size, JSON_LIMIT)
    try:
        value = parse_json(path.read_bytes())
    except ValueError as error:  # broken syntax or encoding, absurdly long numbers or deep nesting
        raise ValueError(f"{where} is not valid JSON: {brief(error, 120)}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a JSON object, not a {type(value).__name__}")
    return value


def write_json(path: Path, value: dict[str, Any], indent: int | None = 2) -> None:
    """`write_text` of an object as JSON, indented for readers, each list of numbers on a line of its own; or with None
    all of it on one line."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators)
    write_text(path, _NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file that is whole at any moment."""
    with written_beside(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="")


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """The name to write a file under that is then renamed to `path`: who reads that finds the old file or the new one,
    whoever else writes it. Where the writing fails the old one stays."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def damaged(path: Path, of: str, why: Exception) -> ValueError:
    """What to raise for a weights file of `of` that cannot be read."""
    return ValueError(f"{path.name} of {of} is cut short or no safetensors file: {brief(why, 160)}")
