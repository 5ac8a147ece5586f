"""Whether two orders agree."""

from collections.abc import Sequence


def swapped(one: Sequence[float], two: Sequence[float]) -> tuple[int, int]:
    """(pairs that the two sequences order in opposite ways, pairs that both of them order): ties are no order."""
    signs = list(_pairs(one, two))
    return sum(a * b < 0 for a, b in signs), sum(a * b != 0 for a, b in signs)


def kendall(one: Sequence[float], two: Sequence[float]) -> float | None:
    """Kendall's tau-b: 1 for the same order, -1 for the opposite one; None where either holds one value alone."""
    signs = list(_pairs(one, two))
    first, second = sum(a * a for a, _ in signs), sum(b * b for _, b in signs)
    if not first or not second:
        return None
    return sum(a * b for a, b in signs) / (first * second) ** 0.5


def ranks(values: Sequence[float]) -> list[float]:
    """1 for the least; those that are equal share the mean of their places."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


def _pairs(one: Sequence[float], two: Sequence[float]) -> list[tuple[int, int]]:
    """Of each pair of places, which way each sequence goes: -1, 0 or 1."""
    return [
        ((a > c) - (a < c), (b > d) - (b < d))
        for number, (a, b) in enumerate(zip(one, two, strict=True))
        for c, d in zip(one[:number], two[:number], strict=True)
    ]
