"""The reconstruction of a photograph by a tokenizer or a codec."""

from dataclasses import dataclass
from typing import Any

import numpy as np

COSTS = ("encode_ms", "decode_ms", "peak_bytes")
"""Metrics that depend on the machine: milliseconds, and peak GPU memory beside the weights (None on a CPU)."""


@dataclass(frozen=True, eq=False)
class Result:
    """A reconstruction and its metrics.

    pixels, original: uint8 (h, w, 3), the original grey if the tokenizer is. metrics: those of `analysis.evaluation`
    for this image, `COSTS`, and "parameters", the number of learnt parameters, for a tokenizer. counts: uses of each
    index, (K,) for each column of the indices of all levels, coarsest level first; None if they cannot be counted.
    codebook_of: number of the codebook of each column.
    """

    pixels: np.ndarray
    original: np.ndarray
    metrics: dict[str, Any]
    counts: list[np.ndarray] | None
    codebook_of: tuple[int, ...]
