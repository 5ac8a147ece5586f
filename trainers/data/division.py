"""Divide the images of a data set into train, held_out and test by the hashes of their files."""

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
"""Expected shares of the images; all others are for training."""
MOST = {"test": 2000, "held_out": 500}
"""Largest size of each part; further images of the part are not used."""
_CHUNK = 256


def file_hashes(rows: datasets.Dataset) -> list[str]:
    """Return a hash of each image file; `rows` have the one column "image", undecoded."""
    hashes: list[str] = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(rows), _CHUNK):
            hashes += pool.map(_hash_of, rows[start : start + _CHUNK]["image"])
    return hashes


def _hash_of(cell: Mapping[str, Any] | None) -> str:
    """Return the hash of a file's bytes, or of its path where it cannot be read; decoding reports such files."""
    content = cell["bytes"] if cell else None
    if content is not None:
        return _hash(content)
    path = (cell or {}).get("path") or ""
    if not os.path.isfile(path):  # reading a named pipe might block for ever
        return _hash(path.encode())
    try:
        stat = os.stat(path)
        return _file_hash(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return _hash(path.encode())


@lru_cache(maxsize=2**17)
def _file_hash(path: str, size: int, changed: int) -> str:
    """Return the hash of a file; size and modification time are part of the cache's key, so a changed file is read."""
    return _hash(Path(path).read_bytes())


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def divide(contents: Sequence[str]) -> dict[str, list[int]]:
    """Return the row numbers of each part, given the hash of every row.

    Only its hash decides which part an image is in: adding images moves none, and copies stay together. Where test or
    held_out would be empty, it gets the image with the smallest hash that is left. Where one of them exceeds `MOST`,
    the images with the smallest hashes are used. Raises ValueError for fewer than three different images.
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


def check_disjoint(parts: Mapping[str, datasets.Dataset]) -> None:
    """Raise ValueError where an image is in two parts; the message names the first such pair."""
    seen: dict[str, str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    first = ""
    for part, rows in parts.items():
        for row, content in enumerate(file_hashes(rows)):
            name = f"{_name(rows, row)} of {part}"
            other = seen.setdefault(content, name)
            if not other.endswith(f" of {part}"):
                counts[part, other.rsplit(" of ", 1)[1]] += 1
                first = first or f"{other} and {name}"
    if first:
        raise ValueError(
            f"{sum(counts.values())} images are in two splits, such as {first}: the model would be measured on "
            "training images; remove one copy of each, or divide all images anew with --splits divide"
        )


def _name(rows: datasets.Dataset, row: int) -> str:
    path = (rows[row]["image"] or {}).get("path")
    return Path(path).name if path else f"row {row}"
