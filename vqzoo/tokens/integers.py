"""Powers of two and probabilities in whole numbers, so that every machine gets the same ones.

Logarithms are in steps of 1/256. Probabilities are whole numbers of 2^-24, the precision of the range coder.
"""

from math import isqrt

import numpy as np

STEPS = 256
"""Steps of a logarithm for a factor of two."""
PRECISION = 24
"""Probabilities of an alphabet add up to 2^PRECISION."""


def _root(exponent: int) -> int:
    """Return the whole part of 2^(exponent / 256), exactly."""
    value = 1 << exponent
    for _ in range(8):  # the root of a whole part has the whole part of the root
        value = isqrt(value)
    return value


_FRACTIONS = np.array([_root(PRECISION * STEPS - step) for step in range(STEPS)])
_POWERS = np.concatenate([_FRACTIONS >> shift for shift in range(PRECISION + 1)])


def power(steps: np.ndarray) -> np.ndarray:
    """Return the whole part of 2^(24 - steps / 256) for whole steps from 0."""
    return _POWERS.take(steps, mode="clip")


def frequencies(weights: np.ndarray) -> np.ndarray:
    """Return whole numbers (..., K) in proportion to weights (..., K) that add up to 2^24 - K.

    Weights are whole numbers from 0 to 2^38, not all 0. The range coder adds one to each, so that every symbol can be
    coded. What rounding down leaves goes to the largest.
    """
    total = (1 << PRECISION) - weights.shape[-1]
    shares: np.ndarray = weights * total // weights.sum(-1, keepdims=True)
    largest = weights.argmax(-1)[..., None]
    rest = total - shares.sum(-1, keepdims=True)
    np.put_along_axis(shares, largest, np.take_along_axis(shares, largest, -1) + rest, -1)
    return shares
