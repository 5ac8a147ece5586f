"""Two-dimensional maps of codevectors: selection of points, PCA, and the file with maps by slower methods."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vqzoo.files.storage import MAP, sha256

FORMAT = 1
MOST = 4096
"""Maximum number of points of a map: more would be slow in a browser and hide one another."""
_USED_SHARE = 3 / 4


def mapped_indices(counts: np.ndarray) -> np.ndarray:
    """Return the sorted indices of the codevectors that a map shows, from their counts (K,) on the test split.

    A map shows every codevector of a codebook of at most 4096. Of a larger one it shows the most used, up to three
    quarters of the points or more if few are unused, and fills up with unused ones sampled with a fixed seed.
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
    """Project (n, d) vectors to their first two principal components: ((n, 2) points, explained share of variance).

    Exact. The component of largest magnitude in each direction is positive, so signs are deterministic. For d = 1 the
    second coordinate is 0.
    """
    centred = codevectors.astype(np.float64) - codevectors.mean(0, dtype=np.float64)
    spread, directions = np.linalg.eigh(centred.T @ centred)
    top = directions[:, -2:][:, ::-1]
    top = top * np.sign(top[np.abs(top).argmax(0), np.arange(top.shape[1])])
    points = centred @ top
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 1)))
    total = float(spread.clip(0).sum())
    return points, float(spread[-2:].clip(0).sum()) / total if total else 0.0


def to_grid(points: np.ndarray) -> np.ndarray:
    """Scale (n, 2) points to uint16: the longer side of their bounding box spans 0..65535, the other is centred."""
    low, high = points.min(0), points.max(0)
    side = (high - low).max() or 1.0
    scaled: np.ndarray = np.rint((points - (low + high) / 2) / side * 65535 + 32767.5).clip(0, 65535)
    return scaled.astype(np.uint16)


def packed(values: np.ndarray) -> str:
    """Encode numbers as base64 of little-endian bytes."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode()


def record(weights: Path, methods: Mapping[str, Any], codebooks: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Return the content of the `MAP` file from each method's settings and each codebook's method -> (n, 2) uint16."""
    maps = [{name: packed(points) for name, points in codebook.items()} for codebook in codebooks]
    return {"format": FORMAT, "weights_sha256": sha256(weights), "methods": dict(methods), "codebooks": maps}


def read(value: Mapping[str, Any], weights: str, sizes: Sequence[int]) -> list[dict[str, np.ndarray]] | None:
    """Return each codebook's maps, method -> (n, 2) uint16, from the content of a `MAP` file; None for other weights.

    `weights` is the SHA-256 of the model's weights, `sizes` the number of points of each codebook. Raises ValueError
    for a damaged file.
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
