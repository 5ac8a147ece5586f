"""Orders, by hand and against scipy."""

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata

from vqzoo.analysis.ranks import kendall, ranks, swapped


def test_by_hand():
    # Pairs: (1,2) agree, (1,3) swapped, (2,3) swapped.
    assert swapped([1, 2, 3], [2, 3, 1]) == (2, 3)
    assert kendall([1, 2, 3], [2, 3, 1]) == pytest.approx(-1 / 3)
    assert swapped([1, 1, 2], [5, 4, 4]) == (1, 1), "(1, 3) is the only pair that is ordered twice"
    assert kendall([1, 1, 1], [1, 2, 3]) is None
    assert ranks([3, 1, 3, 2]) == [3.5, 1, 3.5, 2]


def test_against_scipy():
    one, two = np.random.default_rng(0).integers(0, 6, (2, 30)).tolist()
    assert kendall(one, two) == pytest.approx(kendalltau(one, two).statistic)
    assert ranks(one) == rankdata(one).tolist()
