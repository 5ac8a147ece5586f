"""Choose the alphabet size and the range of each coefficient of a linear code, for a number of bits."""

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
"""Alphabet sizes to choose from."""
TAILS = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.02, 0.04, 0.08, 0.15, 0.25)
"""Shares of a coefficient's values that may lie outside its range, half of them at either end."""


@dataclass(frozen=True)
class Alphabets:
    """The uniform quantizers of d coefficients.

    levels: alphabet size of each. low, high: (d,) float64, the range that its cells divide. error: squared error of a
    coefficient vector, summed over coefficients, mean over the vectors that the alphabets were chosen on.
    """

    levels: list[int]
    low: Tensor
    high: Tensor
    error: float


def choose(coefficients: Tensor, bits: float) -> Alphabets:
    """Return the alphabets with the least squared error on coefficients (n, d), at most `bits` in all.

    Every coefficient has a uniform quantizer with the best range of `TAILS`. Sizes follow from Lagrangian allocation
    (Shoham and Gersho, 1988): each coefficient minimizes error + slope x bits, with one slope for all, which bisection
    finds. With many values and thin tails this is reverse water-filling: all coefficients with bits have equal errors.
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
    _spend_remaining_bits(chosen, errors, costs, bits)
    index = torch.arange(len(tables))
    ranges = torch.stack([table[1] for table in tables])[index, chosen]
    levels = [SIZES[size] for size in chosen]
    return Alphabets(levels, ranges[:, 0], ranges[:, 1], errors[index, chosen].sum().item())


def _errors(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least mean squared error of n values at each alphabet size, and the range (low, high) that has it."""
    ordered = values.sort().values
    last = len(ordered) - 1
    positions = [(round(tail / 2 * last), last - round(tail / 2 * last)) for tail in TAILS]
    lows, highs = (ordered[[position[end] for position in positions]] for end in (0, 1))
    errors = torch.full((len(SIZES),), math.inf, dtype=torch.float64)
    ranges = torch.zeros(len(SIZES), 2, dtype=torch.float64)
    # An alphabet of one value holds the mean.
    errors[0], ranges[0] = values.var(unbiased=False), values.mean()
    for number, size in enumerate(SIZES[1:], 1):
        steps = ((highs - lows) / size)[:, None].clamp(min=1e-30)
        cells = ((values - lows[:, None]) / steps).floor().clamp(0, size - 1)
        by_tail = (lows[:, None] + (cells + 0.5) * steps - values).square().mean(1)
        best = by_tail.argmin()
        errors[number], ranges[number] = by_tail[best], torch.stack([lows[best], highs[best]])
    return errors, ranges


def _spend_remaining_bits(chosen: Tensor, errors: Tensor, costs: Tensor, bits: float) -> None:
    """Give the bits that are left, step by step, to the coefficient that gains most per bit and still fits."""
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
