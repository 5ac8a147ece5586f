"""BD-rates that can be worked out by hand."""

import math

import pytest

from vqzoo.metrics.bd_rate import bd_rate

CURVE = [(100.0, 20.0), (200.0, 25.0), (300.0, 31.0), (900.0, 33.0)]


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.0, 3.0])
def test_bits_times_a_factor_are_that_factor(factor):
    """Whatever the curve is, in whatever order its points come, and where less quality is better."""
    other = [(factor * bits, quality) for bits, quality in CURVE]
    assert bd_rate(CURVE, other) == pytest.approx(factor - 1)
    assert bd_rate(CURVE[::-1], other) == pytest.approx(factor - 1)
    negative = [[(bits, -quality) for bits, quality in curve] for curve in (CURVE, other)]
    assert bd_rate(*negative) == pytest.approx(factor - 1)


def test_lines_of_other_slopes_by_hand():
    """log bits q and 2 q over qualities 0 to 4 and 2 to 6; common 2 to 4, where the difference q has the mean 3."""
    one = [(math.exp(q), q) for q in (0.0, 1.0, 4.0)]
    two = [(math.exp(2 * q), q) for q in (2.0, 3.0, 6.0)]
    assert bd_rate(one, two) == pytest.approx(math.exp(3) - 1)
    assert bd_rate(two, one) == pytest.approx(math.exp(-3) - 1)


def test_curves_without_a_common_quality_have_none():
    assert bd_rate(CURVE, [(bits, quality + 13) for bits, quality in CURVE]) is None


@pytest.mark.parametrize("wrong", [[], CURVE[:1], [*CURVE, (50.0, 25.0)]])
def test_what_is_no_curve_is_an_error(wrong):
    with pytest.raises(ValueError, match="at least two, all of different quality"):
        bd_rate(CURVE, wrong)
