"""Entropies by hand and against scipy."""

import math

import numpy as np
import pytest
from scipy.stats import entropy

from vqzoo.analysis.lossless import cross_entropy_bits, entropy_bits, fixed_bits


def test_entropy_by_hand():
    counts = [np.array([2, 1, 1, 0]), np.array([4, 0]), np.array([2, 2])]
    # 4 indices of 1.5 bits, 4 of none, 4 of one bit.
    assert entropy_bits(counts) == [6.0, 0.0, 4.0]
    assert entropy_bits(counts, images=2) == [3.0, 0.0, 2.0]
    assert fixed_bits(counts, images=2) == [4.0, 2.0, 2.0]


def test_entropy_is_scipys_and_never_more_than_fixed_length():
    counts = np.random.default_rng(1).integers(0, 50, 37)
    (actual,) = entropy_bits([counts])
    assert actual == pytest.approx(counts.sum() * entropy(counts, base=2))
    assert actual <= fixed_bits([counts])[0]


def test_cross_entropy_by_hand_and_no_less_than_entropy():
    # Known shares with one added: 3/4 and 1/4.
    assert cross_entropy_bits([np.array([2, 1])], [np.array([2, 0])]) == pytest.approx(2 * math.log2(4 / 3) + 2)
    generator = np.random.default_rng(2)
    mine, known = generator.integers(0, 20, 64), generator.integers(0, 20, 64)
    assert cross_entropy_bits([mine], [known]) > entropy_bits([mine])[0]
