"""Share the images of a data set out to train, held_out and test by their content."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import datasets

TEST, HELD_OUT = 0.1, 0.1
"""Expected shares of the images; the rest is learnt from."""
MOST = {"test": 2000, "held_out": 500}
"""Images that are measured at most; others of these parts are not used."""
_CHUNK = 256


def digests(rows: datasets.Dataset) -> list[str]:
    """Return a hash of each image file of the rows, which have the one column "image", undecoded."""
    found: list[str] = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(rows), _CHUNK):
            found += pool.map(_digest, rows[start : start + _CHUNK]["image"])
    return found


def _digest(cell: Mapping[str, Any] | None) -> str:
    """Return the hash of a file's bytes; an unreadable one, which is told later, is known by its name."""
    content = cell["bytes"] if cell else None
    if content is not None:
        return _hash(content)
    path = (cell or {}).get("path") or ""
    if not os.path.isfile(path):  # to read a pipe may never end
        return _hash(path.encode())
    try:
        stat = os.stat(path)
        return _of_file(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return _hash(path.encode())


@lru_cache(maxsize=2**17)
def _of_file(path: str, size: int, changed: int) -> str:
    """Return the hash of a file, which is read once as long as its size and its time stay what they are."""
    return _hash(Path(path).read_bytes())


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def divide(contents: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows of each part by the hashes of their contents.

    A hash alone decides where an image goes, so that more images move none, and copies stay together. Where an image of
    test or of held_out would be missing, the one whose hash comes next is taken. Of more than `MOST` images those with
    the smallest hashes are measured. Raises ValueError for fewer than three different images.
    """
    different = sorted(set(contents))
    if len(different) < 3:
        raise ValueError(
            f"{len(contents)} images, {len(different)} of them different, cannot be divided into train, held_out and "
            "test; at least 3 different ones are needed"
        )
    parts = {content: _part(content) for content in different}
    for number, part in enumerate(("test", "held_out")):
        if part not in parts.values():
            parts[different[number]] = part
    if "train" not in parts.values():
        parts[different[-1]] = "train"
    for part, most in MOST.items():
        for content in [content for content in different if parts[content] == part][most:]:
            parts[content] = ""
    rows: dict[str, list[int]] = {"train": [], "held_out": [], "test": []}
    for row, content in enumerate(contents):
        if part := parts[content]:
            rows[part].append(row)
    return rows


def _part(content: str) -> str:
    share = int(content[:16], 16) / 2**64
    return "test" if share < TEST else "held_out" if share < TEST + HELD_OUT else "train"


def copies(contents: Sequence[str]) -> int:
    """Return how many images are copies of another one."""
    return len(contents) - len(set(contents))


def check_apart(parts: Mapping[str, datasets.Dataset]) -> None:
    """Raise ValueError for an image that is in two parts, with the name of each."""
    seen: dict[str, str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    first = ""
    for part, rows in parts.items():
        for row, content in enumerate(digests(rows)):
            name = f"{_name(rows, row)} of {part}"
            other = seen.setdefault(content, name)
            if not other.endswith(f" of {part}"):
                counts[part, other.rsplit(" of ", 1)[1]] += 1
                first = first or f"{other} and {name}"
    if first:
        raise ValueError(
            f"{sum(counts.values())} images are in two splits, as {first}: what is measured would have been learnt; "
            "remove one of the copies, or have all images divided anew with --splits divide"
        )


def _name(rows: datasets.Dataset, row: int) -> str:
    path = (rows[row]["image"] or {}).get("path")
    return Path(path).name if path else f"row {row}"
