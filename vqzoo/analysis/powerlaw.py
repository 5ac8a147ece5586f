"""A power law through measured points, and what it tells, with intervals that say how little that may be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BEYOND = 2.0  # how far outside the measured bits an answer is still given, as a factor


@dataclass(frozen=True)
class PowerLaw:
    """distortion = scale bits^-exponent, by least squares of the logarithms.

    number: points. exponent_interval: 95 %, from Student's t with number - 2 degrees of freedom. r2: share of the
    variance of the logarithm of the distortion that is explained. deviation: of the residuals, of the natural
    logarithm. lowest, highest: bits of the points. The intervals take deviations from the law for independent and
    normal; points that stem from one model, or from trainings of unequal length, are neither.
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
        """What the law expects."""
        return self.scale * bits**-self.exponent

    def band(self, bits: float) -> tuple[float, float]:
        """95 % prediction interval of the distortion of one more model at these bits."""
        reach = self._reach(math.log(bits) - self.mean)
        return self.distortion(bits) * math.exp(-reach), self.distortion(bits) * math.exp(reach)

    def bits(self, distortion: float) -> tuple[float, float, float]:
        """(bits, low, high) at which one more model may have this distortion: the law's answer, and all bits whose
        95 % prediction interval holds it (Fieller's theorem).

        Raises ValueError where the law does not fall for sure, as its slope cannot be told from none, and where the
        answer is more than twice the highest or less than half the lowest bits that were measured.
        """
        slope, level = -self.exponent, math.log(distortion) - (math.log(self.scale) - self.exponent * self.mean)
        curve = slope**2 - (self.t * self.deviation) ** 2 / self.spread
        if self.exponent <= 0 or curve <= 0:
            low, high = self.exponent_interval
            raise ValueError(
                f"The {self.number} points do not tell that distortion falls with bits (exponent between {low:.2f} and "
                f"{high:.2f}): no number of bits can be named. Choose other points."
            )
        found = math.exp(self.mean + level / slope)
        if not self.lowest / _BEYOND <= found <= self.highest * _BEYOND:
            raise ValueError(
                f"That would be near {_bits(found)} bits, too far from what was measured ({_bits(self.lowest)} to "
                f"{_bits(self.highest)} bits) for a law fitted there to be trusted. Ask for between "
                f"{_decibel(self.distortion(self.lowest / _BEYOND)):.1f} and "
                f"{_decibel(self.distortion(self.highest * _BEYOND)):.1f} dB."
            )
        # (level - slope u)^2 = t^2 s^2 (1 + 1/n + u^2 / spread) for u = log(bits) - mean
        constant = level**2 - (self.t * self.deviation) ** 2 * (1 + 1 / self.number)
        root = math.sqrt(max(0.0, (slope * level) ** 2 - curve * constant))
        ends = sorted(math.exp(self.mean + (slope * level + sign * root) / curve) for sign in (-1, 1))
        return found, ends[0], ends[1]

    def _reach(self, away: float) -> float:
        return self.t * self.deviation * math.sqrt(1 + 1 / self.number + away**2 / self.spread)


def fit(bits: Sequence[float], distortions: Sequence[float]) -> PowerLaw:
    """The law through points; ValueError for fewer than three, or all at the same bits."""
    from scipy.special import stdtrit  # takes longer to import than all else here

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
    """10^(-PSNR / 10): of a mean of PSNRs of images, the geometric mean of the images' squared errors, pixels in
    [0, 1]."""
    return 10 ** (-psnr / 10)


def _decibel(distortion: float) -> float:
    return -10 * math.log10(distortion)


def _bits(bits: float) -> str:
    return f"{bits:,.0f}" if bits < 1e9 else f"{bits:.1e}"
