"""Two-dimensional maps of codevectors: which of them are drawn, PCA, and the file that holds slower methods' maps."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vqzoo.files.storage import MAP, sha256

FORMAT = 1
MOST = 4096
"""Codevectors of a map at most: a browser stays quick, and more points hide one another."""
_USED_SHARE = 3 / 4


def drawn(counts: np.ndarray) -> np.ndarray:
    """Which codevectors of a codebook a map shows, by their counts (K,) on the test split: indices, increasing.

    All, up to 4096. Of more, the most used, which get three places of four if there are as many, and a sample of the
    unused drawn by a fixed seed.
    """
    size = len(counts)
    if size <= MOST:
        return np.arange(size)
    order = np.argsort(-counts, kind="stable")
    used = int((counts > 0).sum())
    num_unused = min(size - used, max(MOST - used, MOST - int(MOST * _USED_SHARE)))
    unused = np.random.default_rng(0).permutation(order[used:])[:num_unused]
    return np.sort(np.concatenate([order[: MOST - num_unused], unused]))


def pca(codevectors: np.ndarray) -> tuple[np.ndarray, float]:
    """((n, 2) places along the two directions of most variance of (n, d) vectors, the share of the variance they hold).

    Exact; the largest coordinate of each direction is positive, so that the map does not flip. Vectors of one number
    have 0 as their second coordinate.
    """
    centred = codevectors.astype(np.float64) - codevectors.mean(0, dtype=np.float64)
    spread, directions = np.linalg.eigh(centred.T @ centred)
    top = directions[:, -2:][:, ::-1]
    top = top * np.sign(top[np.abs(top).argmax(0), np.arange(top.shape[1])])
    places = centred @ top
    if places.shape[1] < 2:
        places = np.pad(places, ((0, 0), (0, 1)))
    total = float(spread.clip(0).sum())
    return places, float(spread[-2:].clip(0).sum()) / total if total else 0.0


def to_grid(places: np.ndarray) -> np.ndarray:
    """(n, 2) coordinates -> uint16, the larger side of their bounding box being 0 to 65535, the other centred."""
    low, high = places.min(0), places.max(0)
    side = (high - low).max() or 1.0
    return np.rint((places - (low + high) / 2) / side * 65535 + 32767.5).clip(0, 65535).astype(np.uint16)


def packed(values: np.ndarray) -> str:
    """Numbers as base64 of little-endian bytes."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode()


def record(weights: Path, methods: Mapping[str, Any], codebooks: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """What `MAP` holds: settings of each method, and of each codebook the places (n, 2) uint16 by method."""
    maps = [{name: packed(places) for name, places in codebook.items()} for codebook in codebooks]
    return {"format": FORMAT, "weights_sha256": sha256(weights), "methods": dict(methods), "codebooks": maps}


def read(value: Mapping[str, Any], weights: str, sizes: Sequence[int]) -> list[dict[str, np.ndarray]] | None:
    """The maps of each codebook, method -> (n, 2) uint16, out of what `MAP` holds; None for maps of other weights.

    `weights` is the sha256 of the model's; `sizes` the number of points that each codebook has. Raises ValueError for a
    record that is damaged.
    """
    if value.get("weights_sha256") != weights or value.get("format") != FORMAT:
        return None
    codebooks = value.get("codebooks")
    if not isinstance(codebooks, list) or len(codebooks) != len(sizes):
        raise ValueError(f"{MAP}: expected maps of {len(sizes)} codebooks")
    try:
        return [
            {str(name): _unpacked(text, size) for name, text in codebook.items()}
            for codebook, size in zip(codebooks, sizes, strict=True)
        ]
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{MAP}: a map is damaged: {error}") from None


def _unpacked(text: str, size: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text, validate=True), "<u2").reshape(size, 2)
