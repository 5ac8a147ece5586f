"""The manifest of a token set: which tokenizer made it, of what, and how it is read again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vqzoo.files.download import files_of
from vqzoo.files.json import parse_json
from vqzoo.files.storage import WEIGHTS, WEIGHTS_LIMIT, sha256
from vqzoo.tokenizer import Tokenizer
from vqzoo.tokens.picture import Pictures
from vqzoo.tokens.store import Store

MANIFEST = "manifest.json"
_FORMAT = 1
_RESULTS = ("counts", "bits_per_image", "broken", "files", "features")
"""Entries that are added when all shards are there, or by an export."""


@dataclass(frozen=True)
class Source:
    """Where a tokenizer came from: the name it was asked for by, its commit on the Hub, the SHA-256 of its weights."""

    name: str
    revision: str | None
    sha256: str

    @classmethod
    def of(cls, name: str, location: str | Path, revision: str | None) -> "Source":
        """Return the source of a tokenizer at `location`, as `vqzoo.hub.registry.find` returns it."""
        return cls(name, revision, sha256(files_of(location, revision).path(WEIGHTS, WEIGHTS_LIMIT)))


def narrowest(alphabet: int) -> type[np.unsignedinteger[Any]]:
    """Return the narrowest unsigned type that holds the indices of an alphabet: 256 are uint8, 65,536 uint16."""
    for dtype in (np.uint8, np.uint16, np.uint32):
        if alphabet <= 2 ** (8 * dtype().itemsize):
            return dtype
    raise ValueError(f"an alphabet of {alphabet:,}; expected at most {2**32:,}")


def manifest_of(tokenizer: Tokenizer, source: Source, pictures: Pictures, batch_size: int) -> dict[str, Any]:
    """Return the manifest of a token set before any image is read; equal manifests mean equal bytes."""
    shapes = tokenizer.grid_sizes((pictures.side, pictures.side)) if pictures.side else None
    levels = [
        {
            "column": f"tokens_{number}",
            "type": np.dtype(narrowest(max(part.index_sizes))).name,
            "alphabet": _shortened(part.index_sizes),
            "columns": len(part.index_sizes),
            "shape": [*shapes[number], len(part.index_sizes)] if shapes else None,
        }
        for number, part in enumerate(tokenizer.quantizers)
    ]
    return {
        "format": _FORMAT,
        "tokenizer": {**asdict(source), "config": tokenizer.config},
        "preprocessing": {**pictures.preprocessing, "views": list(pictures.views), "batch_size": batch_size},
        "order": "raster: row by row, in a cell column by column",
        "levels": levels,
        "splits": {
            split: {
                "shards": sum(unit.split == split for unit in pictures.units),
                "images": _total([unit.images for unit in pictures.units if unit.split == split]),
            }
            for split in dict.fromkeys(unit.split for unit in pictures.units)
        },
    }


def _shortened(sizes: Sequence[int]) -> int | list[int]:
    return sizes[0] if len(set(sizes)) == 1 else list(sizes)


def _total(numbers: list[int | None]) -> int | None:
    return None if None in numbers else sum(number for number in numbers if number is not None)


def write_manifest(store: Store, manifest: dict[str, Any]) -> None:
    """Write a manifest."""
    store.write(MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())


def read_manifest(store: Store) -> dict[str, Any]:
    """Return the manifest of a token set; a ValueError says what is wrong with it."""
    if not store.has(MANIFEST):
        raise ValueError(f"{store.url}: there is no {MANIFEST}; expected a folder that vqzoo tokenize wrote")
    try:
        manifest = parse_json(store.read(MANIFEST))
    except ValueError as error:
        raise ValueError(f"{MANIFEST} of {store.url} is not valid JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise ValueError(f"{MANIFEST} of {store.url}: this version of vqzoo reads format {_FORMAT}")
    return manifest


def check_same(store: Store, manifest: dict[str, Any]) -> None:
    """Raise ValueError if the folder holds a token set of other settings; the message names the first difference."""
    if not store.has(MANIFEST):
        return
    before = {key: value for key, value in read_manifest(store).items() if key not in _RESULTS}
    if difference := _difference(before, json.loads(json.dumps(manifest)), ""):
        raise ValueError(f"{store.url} holds tokens that were made in another way: {difference}; choose another --out")


def _difference(before: Any, now: Any, where: str) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*before, *(key for key in now if key not in before)]:
            if difference := _difference(before.get(key), now.get(key), f"{where}.{key}".lstrip(".")):
                return difference
        return ""
    return "" if before == now else f"{where} was {json.dumps(before)} and is {json.dumps(now)}"


def blank_tokenizer(manifest: dict[str, Any]) -> Tokenizer:
    """Return the tokenizer of a manifest without weights, on the meta device: for shapes, alphabets and sequences."""
    with torch.device("meta"):
        return Tokenizer.from_config(manifest["tokenizer"]["config"])
