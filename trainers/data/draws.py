"""Random numbers that are a function of what they are for: no state, so no order of drawing matters."""

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15
_Whole = np.ndarray | int


def bits(seed: int, *keys: _Whole) -> np.ndarray:
    """uint64 of a seed and of whole numbers, arrays of one shape or single ones, by splitmix64's mixing (Steele, Lea
    and Flood 2014). Each key is added to the mixed bits of those before it."""
    mixed = _mix(_uint64(seed) + _uint64(_GOLDEN))
    for key in keys:
        mixed = _mix(mixed + _uint64(key) * _uint64(_GOLDEN))
    return mixed


def uniforms(seed: int, *keys: _Whole, num: int) -> np.ndarray:
    """(..., num) float64 in [0, 1): for each set of keys, the next `num` numbers of splitmix64 begun at `bits`."""
    counters = np.arange(1, num + 1, dtype=np.uint64) * _uint64(_GOLDEN)
    return (_mix(bits(seed, *keys)[..., None] + counters) >> np.uint64(11)) * 2.0**-53


def _uint64(value: _Whole) -> np.ndarray:
    """At least 1-D, as numpy warns of the overflow, which is meant, in single numbers."""
    return np.atleast_1d(np.asarray(value % 2**64 if isinstance(value, int) else value).astype(np.uint64))


def _mix(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
