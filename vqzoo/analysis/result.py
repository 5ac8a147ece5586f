"""What a tokenizer, or a codec, made of a photograph."""

from dataclasses import dataclass
from typing import Any

import numpy as np

COSTS = ("encode_ms", "decode_ms", "peak_bytes")
"""Metrics that are the machine's as much as the tokenizer's: milliseconds, and what a GPU's memory held at most beside
the weights (None on a CPU, which does not tell)."""


@dataclass(frozen=True, eq=False)
class Result:
    """pixels: uint8 (h, w, 3), what comes back; original: what went in, grey where the tokenizer is;
    metrics: those of `analysis.evaluation` for this one image, `COSTS`, and of a tokenizer
    parameters: how many numbers it has learnt;
    counts: uses of each index, (K,) for each column of the indices, those of all levels one after the other, coarsest
    first, or None where they cannot be counted; codebook_of: which codebook each column points into."""

    pixels: np.ndarray
    original: np.ndarray
    metrics: dict[str, Any]
    counts: list[np.ndarray] | None
    codebook_of: tuple[int, ...]
