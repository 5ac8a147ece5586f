"""Powers and logarithms of two in whole numbers, so that every machine gets the same ones.

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
_MANTISSAS = np.array([_root(16 * STEPS + step) + 1 for step in range(1, STEPS)])
_BITS = 2 ** np.arange(1, 46)


def power(steps: np.ndarray) -> np.ndarray:
    """Return the whole part of 2^(24 - steps / 256) for whole steps from 0."""
    return _POWERS.take(steps, mode="clip")


def logarithm(values: np.ndarray) -> np.ndarray:
    """Return log2 of whole numbers from 1 to 2^46, in steps of 1/256, rounded down.

    From 2^16 the 16 leading bits decide, so that a value on the edge may be one step lower.
    """
    exponents = np.searchsorted(_BITS, values, side="right")
    mantissas = (values << 16) >> exponents
    return exponents * STEPS + np.searchsorted(_MANTISSAS, mantissas, side="right")


def frequencies(weights: np.ndarray) -> np.ndarray:
    """Return whole numbers (..., K) in proportion to weights (..., K) that add up to 2^24 - K.

    Weights are whole numbers from 0 to 2^38, not all 0. The range coder adds one to each, so that every symbol can be
    coded. What rounding down leaves goes to the largest.
    """
    total = (1 << PRECISION) - weights.shape[-1]
    shares = weights * total // weights.sum(-1, keepdims=True)
    largest = weights.argmax(-1)[..., None]
    rest = total - shares.sum(-1, keepdims=True)
    np.put_along_axis(shares, largest, np.take_along_axis(shares, largest, -1) + rest, -1)
    return shares
