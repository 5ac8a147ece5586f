"""The value of the component `tokens`: the grid of tokens over a photograph."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vqzoo.analysis.codebook_map import packed
from vqzoo.analysis.encoded_image import EncodedImage, Layer
from vqzoo.metrics.counts import by_codebook
from vqzoo.views.pictures import Picture


def tokens_value(
    encoded: EncodedImage, layer: Layer, test: Sequence[np.ndarray] | None, picked: int | None
) -> dict[str, Any]:
    """Return the value of the component `tokens` for one layer.

    Distances are 16-bit fractions of the largest. Each codevector in use has its norm and two counts: in this layer of
    this image, and on the test split in all columns of its codebook.
    """
    indices, distances = encoded.indices(layer), encoded.distance(layer)
    most = float(distances.max())
    used, here = np.unique(indices, return_counts=True)
    split = None if test is None else by_codebook(test, encoded.codebook_of)[layer.codebook]
    height, width = encoded.pixels.shape[:2]
    return {
        "uri": Picture("", encoded.pixels).uri,
        "size": [height, width],
        "covers": list(encoded.padded),
        "shape": list(indices.shape),
        "bytes": 4 if layer.size > 2**16 else 2,
        "indices": packed(indices.astype(np.uint32 if layer.size > 2**16 else np.uint16)),
        "distances": packed(np.rint(distances / (most or 1) * 65535).astype(np.uint16)),
        "farthest": most,
        "used": used.tolist(),
        "here": here.tolist(),
        "norms": [float(f"{encoded.norms[layer.codebook][index]:.4g}") for index in used.tolist()],
        "test": None if split is None else split[used].tolist(),
        "testTotal": None if split is None else int(split.sum()),
        "label": layer.label if len(encoded.layers) > 1 else "",
        "codebookSize": layer.size,
        "picked": picked,
    }
