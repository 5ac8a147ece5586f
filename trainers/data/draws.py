"""Stateless random numbers: functions of a seed and keys, so that the order of drawing does not matter."""

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15
_Integers = np.ndarray | int


def bits(seed: int, *keys: _Integers) -> np.ndarray:
    """Return uint64 random bits for a seed and keys, which are integers or integer arrays of one shape.

    Uses the mixing function of splitmix64 (Steele, Lea and Flood, 2014); each key is added to the mixed bits of the
    keys before it.
    """
    mixed = _mix(_uint64(seed) + _uint64(_GOLDEN))
    for key in keys:
        mixed = _mix(mixed + _uint64(key) * _uint64(_GOLDEN))
    return mixed


def uniforms(seed: int, *keys: _Integers, num: int) -> np.ndarray:
    """Return (..., num) float64 in [0, 1): the first `num` outputs of splitmix64 started at `bits` of the keys."""
    counters = np.arange(1, num + 1, dtype=np.uint64) * _uint64(_GOLDEN)
    return (_mix(bits(seed, *keys)[..., None] + counters) >> np.uint64(11)) * 2.0**-53


def _uint64(value: _Integers) -> np.ndarray:
    """Return an array of at least one dimension: numpy warns of overflow, which is intended here, only in scalars."""
    return np.atleast_1d(np.asarray(value % 2**64 if isinstance(value, int) else value).astype(np.uint64))


def _mix(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed
