"""How many values each coefficient of a linear code gets, and over which range: the most for a number of bits."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SIZES = (
    *range(1, 9),
    *range(10, 17, 2),
    *range(20, 33, 4),
    *range(40, 65, 8),
    *range(80, 129, 16),
    *range(160, 257, 32),
)
"""Alphabets to choose from."""
TAILS = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.02, 0.04, 0.08, 0.15, 0.25)
"""Shares of a coefficient's values to leave outside its range, half of them at either end."""


@dataclass(frozen=True)
class Alphabets:
    """Of each of d coefficients: how many values, and the range (d,) float64 that their cells share; error is the
    mean squared error of a coefficient vector, summed over coefficients, on what they were chosen by."""

    levels: list[int]
    low: Tensor
    high: Tensor
    error: float


def choose(coefficients: Tensor, bits: float) -> Alphabets:
    """The alphabets with the least squared error on coefficients (n, d) whose log2 add up to at most `bits`.

    A uniform quantizer in every coefficient, with the best range of `TAILS`; sizes by Lagrangian allocation (Shoham and
    Gersho, 1988): the least error + slope x bits in each, one slope for all, found by bisection. Where values are many
    and tails thin this is reverse water-filling, the same error in every coefficient that gets any bits.
    """
    assert bits > 0
    tables = [_errors(column) for column in coefficients.double().unbind(1)]
    errors = torch.stack([table[0] for table in tables])
    costs = torch.tensor(SIZES).log2().double()
    flat, steep = 0.0, float(errors.max()) + 1.0
    for _ in range(100):
        slope = (flat + steep) / 2
        spent = costs[(errors + slope * costs).argmin(1)].sum()
        flat, steep = (slope, steep) if spent > bits else (flat, slope)
    chosen = (errors + steep * costs).argmin(1)
    _spend_the_rest(chosen, errors, costs, bits)
    each = torch.arange(len(tables))
    ranges = torch.stack([table[1] for table in tables])[each, chosen]
    levels = [SIZES[size] for size in chosen]
    return Alphabets(levels, ranges[:, 0], ranges[:, 1], errors[each, chosen].sum().item())


def _errors(values: Tensor) -> tuple[Tensor, Tensor]:
    """Of n values: the least mean squared error with each size, and the range (low, high) that it has."""
    ordered = values.sort().values
    last = len(ordered) - 1
    places = [(round(tail / 2 * last), last - round(tail / 2 * last)) for tail in TAILS]
    lows, highs = (ordered[[place[end] for place in places]] for end in (0, 1))
    errors = torch.full((len(SIZES),), math.inf, dtype=torch.float64)
    ranges = torch.zeros(len(SIZES), 2, dtype=torch.float64)
    # One value: the mean, which is 0 but for rounding.
    errors[0], ranges[0] = values.var(unbiased=False), values.mean()
    for number, size in enumerate(SIZES[1:], 1):
        steps = ((highs - lows) / size)[:, None].clamp(min=1e-30)
        cells = ((values - lows[:, None]) / steps).floor().clamp(0, size - 1)
        each = (lows[:, None] + (cells + 0.5) * steps - values).square().mean(1)
        best = each.argmin()
        errors[number], ranges[number] = each[best], torch.stack([lows[best], highs[best]])
    return errors, ranges


def _spend_the_rest(chosen: Tensor, errors: Tensor, costs: Tensor, bits: float) -> None:
    """What one slope leaves over goes, step by step, to the coefficient that gains most a bit and still fits."""
    while True:
        left = bits - costs[chosen].sum()
        best, gain = None, 0.0
        for coefficient, size in enumerate(chosen.tolist()):
            for larger in range(size + 1, min(size + 4, len(costs))):
                cost = costs[larger] - costs[size]
                gained = (errors[coefficient, size] - errors[coefficient, larger]) / cost
                if cost <= left and gained > gain:
                    best, gain = (coefficient, larger), float(gained)
        if best is None:
            return
        chosen[best[0]] = best[1]
