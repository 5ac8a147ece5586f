"""A power law fitted to measured points, with confidence and prediction intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BEYOND = 2.0  # extrapolation is allowed up to this factor outside the measured bits


@dataclass(frozen=True)
class PowerLaw:
    """distortion = scale bits^-exponent, fitted by least squares of the logarithms.

    number: of points. exponent_interval: 95 %, from Student's t with number - 2 degrees of freedom. r2: explained share
    of the variance of the log distortion. deviation: standard deviation of the residuals of the natural logarithm.
    lowest, highest: range of the points' bits. t, mean, spread: quantile of Student's t, mean of log bits, and sum of
    squared deviations from it. Intervals assume independent and normal residuals, which points from one model or from
    trainings of unequal length do not have.
    """

    number: int
    scale: float
    exponent: float
    exponent_interval: tuple[float, float]
    r2: float
    deviation: float
    lowest: float
    highest: float
    t: float
    mean: float
    spread: float

    def distortion(self, bits: float) -> float:
        """Return the expected distortion."""
        return self.scale * math.pow(bits, -self.exponent)

    def band(self, bits: float) -> tuple[float, float]:
        """Return the 95 % prediction interval of the distortion of a new model at these bits."""
        reach = self._reach(math.log(bits) - self.mean)
        return self.distortion(bits) * math.exp(-reach), self.distortion(bits) * math.exp(reach)

    def bits(self, distortion: float) -> tuple[float, float, float]:
        """Return (bits, low, high) for a distortion: the law's estimate and its 95 % interval for a new model.

        The interval holds all bits whose prediction interval includes the distortion (Fieller's theorem). Raises
        ValueError if the slope is not significantly negative, and if the estimate is more than twice the highest or
        less than half the lowest bits of the points.
        """
        slope, level = -self.exponent, math.log(distortion) - (math.log(self.scale) - self.exponent * self.mean)
        curve = slope**2 - (self.t * self.deviation) ** 2 / self.spread
        if self.exponent <= 0 or curve <= 0:
            low, high = self.exponent_interval
            raise ValueError(
                f"The {self.number} points do not tell that distortion falls with bits (exponent between {low:.2f} and "
                f"{high:.2f}): no number of bits can be named. Choose other points."
            )
        estimate = math.exp(self.mean + level / slope)
        if not self.lowest / _BEYOND <= estimate <= self.highest * _BEYOND:
            raise ValueError(
                f"That would be near {_bits(estimate)} bits, too far from what was measured ({_bits(self.lowest)} to "
                f"{_bits(self.highest)} bits) for a law fitted there to be trusted. Ask for between "
                f"{_decibel(self.distortion(self.lowest / _BEYOND)):.1f} and "
                f"{_decibel(self.distortion(self.highest * _BEYOND)):.1f} dB."
            )
        # (level - slope u)^2 = t^2 s^2 (1 + 1/n + u^2 / spread) for u = log(bits) - mean
        constant = level**2 - (self.t * self.deviation) ** 2 * (1 + 1 / self.number)
        root = math.sqrt(max(0.0, (slope * level) ** 2 - curve * constant))
        ends = sorted(math.exp(self.mean + (slope * level + sign * root) / curve) for sign in (-1, 1))
        return estimate, ends[0], ends[1]

    def _reach(self, away: float) -> float:
        return self.t * self.deviation * math.sqrt(1 + 1 / self.number + away**2 / self.spread)


def fit(bits: Sequence[float], distortions: Sequence[float]) -> PowerLaw:
    """Fit the law to points; ValueError for fewer than three, or if all have the same bits."""
    from scipy.special import stdtrit  # slow to import

    if len(bits) < 3:
        raise ValueError(f"{len(bits)} points: a power law with an interval needs at least three. Choose more.")
    x, y = np.log(np.asarray(bits, np.float64)), np.log(np.asarray(distortions, np.float64))
    spread = float(((x - x.mean()) ** 2).sum())
    if spread < 1e-6 * len(x):
        raise ValueError("All points cost the same bits: a law needs points at different ones. Choose others.")
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    residuals = y - y.mean() - slope * (x - x.mean())
    free = len(x) - 2
    deviation = math.sqrt(float((residuals**2).sum()) / free)
    t = float(stdtrit(free, 0.975))
    half = t * deviation / math.sqrt(spread)
    varies = float(((y - y.mean()) ** 2).sum())
    return PowerLaw(
        len(x),
        math.exp(float(y.mean()) - slope * float(x.mean())),
        -slope,
        (-slope - half, -slope + half),
        1 - float((residuals**2).sum()) / varies if varies else 1.0,
        deviation,
        float(min(bits)),
        float(max(bits)),
        t,
        float(x.mean()),
        spread,
    )


def distortion(psnr: float) -> float:
    """Return 10^(-PSNR / 10): for a mean PSNR of images, the geometric mean of their squared errors on [0, 1]."""
    return 10 ** (-psnr / 10)


def _decibel(distortion: float) -> float:
    return -10 * math.log10(distortion)


def _bits(bits: float) -> str:
    return f"{bits:,.0f}" if bits < 1e9 else f"{bits:.1e}"
