"""What a tokenizer, or a codec, made of a photograph."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Result:
    """pixels: uint8 (h, w, 3), what comes back; original: what went in, grey where the tokenizer is;
    metrics: those of `analysis.evaluation` for this one image, with encode_ms and decode_ms;
    counts: uses of each index, (K,) for each column of the indices, those of all levels one after the other, coarsest
    first, or None where they cannot be counted; codebook_of: which codebook each column points into."""

    pixels: np.ndarray
    original: np.ndarray
    metrics: dict[str, Any]
    counts: list[np.ndarray] | None
    codebook_of: tuple[int, ...]
