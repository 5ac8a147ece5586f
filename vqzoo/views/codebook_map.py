"""The value of the component `scatter`: a two-dimensional map of a codebook."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from vqzoo.analysis.codebook_map import mapped_indices, packed, pca, read, to_grid
from vqzoo.analysis.encoded_image import EncodedImage, Layer
from vqzoo.files.storage import MAP, WEIGHTS, read_json, sha256
from vqzoo.hub.model import Model
from vqzoo.metrics.counts import by_codebook
from vqzoo.views.comparison import Comparison
from vqzoo.views.inspector import Inspector


def map_value(
    inspector: Inspector, name: str, shown: Comparison, encoded: EncodedImage, layer: Layer, picked: int | None
) -> dict[str, Any]:
    """Return the map of a layer's codebook for the component `scatter`, with at most 4096 codevectors.

    PCA is computed here; t-SNE and UMAP are read from the model's folder. A position is two 16-bit numbers per point;
    `origin` and `side` convert those of PCA to the units of the codevectors.
    """
    key = (inspector.key(name), shown.photo, shown.side, layer.codebook)
    return {**inspector.maps.get(key, lambda: _map(inspector, name, encoded, layer)), "picked": picked}


def _map(inspector: Inspector, name: str, encoded: EncodedImage, layer: Layer) -> dict[str, Any]:
    test = inspector.test_counts(name)
    here = by_codebook(encoded.counts, encoded.codebook_of)[layer.codebook]
    counts = here if test is None else by_codebook(test, encoded.codebook_of)[layer.codebook]
    points = mapped_indices(counts)
    vectors, fixed = _vectors(inspector, name, layer.codebook, points)
    positions, share = pca(vectors)
    maps = {"PCA": packed(to_grid(positions))}
    stored, why = _stored(inspector.engine.models[name], encoded, test, fixed)
    if stored is not None:
        maps |= {method: packed(positions) for method, positions in stored[layer.codebook].items()}
    side = float((positions.max(0) - positions.min(0)).max()) or 1.0
    middle = (positions.min(0) + positions.max(0)) / 2
    return {
        "maps": maps,
        "origin": [float(value) for value in middle - side / 2],
        "side": side,
        "indices": packed(points.astype(np.uint32)),
        "counts": counts[points].tolist(),
        "here": here[points].tolist(),
        "of": "this image" if test is None else "the test split",
        "note": " ".join(part for part in (_note(len(counts), points, counts, share), why) if part),
        "name": f"{name}-codebook-{layer.codebook + 1}",
    }


def _note(size: int, points: np.ndarray, counts: np.ndarray, share: float) -> str:
    note = f"PCA's two directions hold {share:.0%} of the codevectors' variance."
    if len(points) < size:
        used, shown = int((counts > 0).sum()), int((counts[points] > 0).sum())
        note += (
            f" Of {size:,} codevectors {len(points):,} are drawn: the {shown:,} most used of {used:,} used ones and "
            f"{len(points) - shown:,} of {size - used:,} unused ones, chosen at random."
        )
    return note


def _vectors(inspector: Inspector, name: str, codebook: int, points: np.ndarray) -> tuple[np.ndarray, bool]:
    from vqzoo.analysis.encode import codevectors

    with inspector.engine.borrow(name) as tokenizer:
        vectors = codevectors(tokenizer, codebook, points)
        return vectors, all(quantizer.innermost.fixed for quantizer in tokenizer.quantizers)


def _stored(
    model: Model, encoded: EncodedImage, test: Sequence[np.ndarray] | None, fixed: bool
) -> tuple[list[dict[str, np.ndarray]] | None, str]:
    """Return the maps that ship with a model and "", or None and the reason for their absence."""
    if fixed:
        return None, "Its codevectors are the points of a fixed grid, so PCA is all that there is to see."
    if model.source is None or test is None or not (model.source / MAP).is_file():
        return None, "No t-SNE or UMAP ships with this model: they take too long to make while you wait."
    sizes = [len(mapped_indices(counts)) for counts in by_codebook(test, encoded.codebook_of)]
    weights = model.source / WEIGHTS
    maps = read(read_json(model.source / MAP), _hash(weights, weights.stat().st_mtime_ns), sizes)
    if maps is None:
        return None, "Its t-SNE and UMAP are of other weights than these, and are left out."
    return maps, ""


@cache
def _hash(path: Path, changed: int) -> str:
    return sha256(path)
