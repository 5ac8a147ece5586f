"""The power law against scipy's regression, numeric roots, and simulation."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import linregress, t

from vqzoo.analysis.powerlaw import PowerLaw, distortion, fit


def noisy(number: int = 9, noise: float = 0.1, exponent: float = 0.6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    bits = np.geomspace(100, 10_000, number)
    return bits, 3 * bits**-exponent * np.exp(noise * generator.standard_normal(number))


def test_an_exact_law_is_found():
    law = fit([10, 100, 1000], [1.0, 0.1, 0.01])
    assert law.exponent == pytest.approx(1) and law.scale == pytest.approx(10) and law.r2 == pytest.approx(1)
    assert law.bits(0.05) == pytest.approx((200, 200, 200))


def test_slope_and_interval_are_those_of_a_regression():
    bits, values = noisy()
    law, reference = fit(bits, values), linregress(np.log(bits), np.log(values))
    half = t.ppf(0.975, len(bits) - 2) * reference.stderr
    assert law.exponent == pytest.approx(-reference.slope)
    assert law.scale == pytest.approx(math.exp(reference.intercept))
    assert law.exponent_interval == pytest.approx((-reference.slope - half, -reference.slope + half))
    assert law.r2 == pytest.approx(reference.rvalue**2)


def test_the_interval_of_bits_holds_what_the_band_holds():
    law = fit(*noisy())
    wanted = law.distortion(1500)
    actual, low, high = law.bits(wanted)
    assert actual == pytest.approx(1500) and low < actual < high
    assert low == pytest.approx(brentq(lambda bits: law.band(bits)[0] - wanted, 10, 1500))
    assert high == pytest.approx(brentq(lambda bits: law.band(bits)[1] - wanted, 1500, 1e6))


def test_the_intervals_hold_as_often_as_they_say():
    """Of 1000 laws, the true exponent and the bits of one more model, within what chance allows."""
    right = inside = 0
    generator = np.random.default_rng(1)
    for seed in range(1000):
        law = fit(*noisy(8, 0.1, seed=seed))
        right += law.exponent_interval[0] <= 0.6 <= law.exponent_interval[1]
        _, low, high = law.bits(3 * 1000**-0.6 * math.exp(0.1 * generator.standard_normal()))
        inside += low <= 1000 <= high
    assert 930 <= right <= 970 and 930 <= inside <= 970


def test_what_cannot_be_told_is_refused():
    law = fit(*noisy())
    assert law.bits(law.distortion(19_000))[0] == pytest.approx(19_000)
    for bits in (49, 20_100):
        with pytest.raises(ValueError, match="too far from what was measured"):
            law.bits(law.distortion(bits))
    with pytest.raises(ValueError, match="do not tell that distortion falls"):
        fit([100, 200, 400], [1.0, 3.0, 0.9]).bits(1.0)
    with pytest.raises(ValueError, match="at least three"):
        fit([100, 200], [1.0, 0.5])
    with pytest.raises(ValueError, match="the same bits"):
        fit([640, 640, 640.0001], [1.0, 0.5, 0.7])


def test_a_rising_law_names_no_bits():
    law: PowerLaw = fit([100, 200, 400, 800], [1.0, 2.0, 4.1, 8.0])
    with pytest.raises(ValueError, match="do not tell that distortion falls"):
        law.bits(3.0)


def test_decibels():
    assert distortion(20) == pytest.approx(0.01)
