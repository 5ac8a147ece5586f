"""Bits of indices after entropy coding by an ideal coder."""

from collections.abc import Sequence

import numpy as np


def entropy_bits(counts: Sequence[np.ndarray], images: int = 1) -> list[float]:
    """Return the bits per image of each column of the indices under an ideal zeroth-order coder.

    counts: uses (K,) of each column over `images` images. A column with n indices per image takes n H bits, where H is
    the entropy of its frequencies in bits. This is a lower bound for codes of single indices that know these
    frequencies; the table of frequencies is not included. For a single image the estimate is too low, as the entropy
    of few samples is biased.
    """
    return [_entropy(column) / images for column in map(np.asarray, counts)]


def cross_entropy_bits(counts: Sequence[np.ndarray], known: Sequence[np.ndarray]) -> float:
    """Return the bits of an image with index `counts` (K,) per column, coded ideally by the frequencies of `known`.

    One is added to each known count, so that unseen indices can be coded (Laplace). Sender and receiver share the
    known counts in advance. An arithmetic coder would use as many bits for this image, to within a bit or two.
    """
    total = 0.0
    for column, other in zip(counts, known, strict=True):
        smoothed = np.asarray(other, np.float64) + 1
        total -= float((column * np.log2(smoothed / smoothed.sum())).sum())
    return total


def fixed_bits(counts: Sequence[np.ndarray], images: int = 1) -> list[float]:
    """Return the bits per image of each column at log2(alphabet size) bits per index."""
    return [float(np.sum(column)) * np.log2(len(column)) / images for column in counts]


def _entropy(column: np.ndarray) -> float:
    """Return n H in bits: 0 for a column with at most one distinct index."""
    used = column[column > 0].astype(np.float64)
    return float(-(used * np.log2(used / used.sum())).sum()) if len(used) > 1 else 0.0
