"""Agreement between two rankings."""

import math
from collections.abc import Sequence


def swapped(one: Sequence[float], two: Sequence[float]) -> tuple[int, int]:
    """Return (number of pairs that two sequences order differently, number of pairs without ties in either)."""
    signs = list(_pairs(one, two))
    return sum(a * b < 0 for a, b in signs), sum(a * b != 0 for a, b in signs)


def kendall(one: Sequence[float], two: Sequence[float]) -> float | None:
    """Return Kendall's tau-b: 1 for equal order, -1 for opposite order; None if all values of a sequence are equal."""
    signs = list(_pairs(one, two))
    first, second = sum(a * a for a, _ in signs), sum(b * b for _, b in signs)
    if not first or not second:
        return None
    return sum(a * b for a, b in signs) / math.sqrt(first * second)


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, 1 for the lowest; equal values share the mean of their ranks."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


def _pairs(one: Sequence[float], two: Sequence[float]) -> list[tuple[int, int]]:
    """Return the signs of the differences in both sequences for each pair of positions: -1, 0 or 1."""
    return [
        ((a > c) - (a < c), (b > d) - (b < d))
        for number, (a, b) in enumerate(zip(one, two, strict=True))
        for c, d in zip(one[:number], two[:number], strict=True)
    ]
