"""How many more bits one coder needs than another for the same quality (Bjontegaard, ITU-T VCEG-M33, 2001)."""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

Point = tuple[float, float]
"""(bits in any unit, quality by any metric that changes monotonically with the bits)."""


def bd_rate(reference: Sequence[Point], other: Sequence[Point]) -> float | None:
    """Return the mean change of the rate at equal quality: -0.25 where `other` needs a quarter less than `reference`.

    Log bits are interpolated by monotone cubics (PCHIP) and averaged over the qualities that both coders reach; None if
    they have no quality in common. Raises ValueError for fewer than two points and for two points of equal quality.
    """
    curves = [log_bits(points) for points in (reference, other)]
    low, high = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    if low >= high:
        return None
    before, after = (curve.integrate(low, high) / (high - low) for curve in curves)
    return float(np.expm1(after - before))


def log_bits(points: Sequence[Point]) -> PchipInterpolator:
    """Return the natural logarithm of the bits as a function of the quality, through all points.

    Raises ValueError for fewer than two points and for two points of equal quality.
    """
    bits, quality = zip(*sorted(points, key=lambda point: point[1]), strict=True) if points else ((), ())
    if len(set(quality)) < max(2, len(points)):
        raise ValueError(f"points have qualities {quality}: expected at least two, all of different quality")
    return PchipInterpolator(quality, np.log(bits))
