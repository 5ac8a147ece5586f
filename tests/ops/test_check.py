"""Checks of numbers and flags that a user passes in; test_build.py has those of whole numbers, fractions and names."""

import pytest

from vqzoo.ops.check import check_flag, check_positive


def test_positive_numbers():
    assert [check_positive("x", value) for value in (1, 0.5, 1e-30, 1e30)] == [1.0, 0.5, 1e-30, 1e30]
    for wrong in (0, 0.0, -1, -1e-30, "1", True, False, None, [1], float("nan"), float("inf"), -float("inf")):
        with pytest.raises(ValueError, match="x=.*: expected a finite number above 0"):
            check_positive("x", wrong)


def test_positive_numbers_or_zero():
    assert [check_positive("x", value, or_zero=True) for value in (0, 0.0, 2)] == [0.0, 0.0, 2.0]
    for wrong in (-1, -1e-30, "0", False, None, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="x=.*: expected a finite number at least 0"):
            check_positive("x", wrong, or_zero=True)


def test_numbers_become_floats():
    assert isinstance(check_positive("x", 3), float)


def test_flags():
    assert check_flag("x", True) is True and check_flag("x", False) is False
    for wrong in (0, 1, "True", None, []):
        with pytest.raises(ValueError, match="x=.*: expected True or False"):
            check_flag("x", wrong)
