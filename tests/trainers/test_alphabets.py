"""Alphabets for a number of bits: against every other choice where there are few, and against theory."""

import itertools
import math

import pytest
import torch

from trainers.baselines.alphabets import SIZES, Alphabets, _errors, choose
from vqzoo.quantizers import build


def measured(coefficients: torch.Tensor, alphabets: Alphabets) -> float:
    """The error that the quantizer itself makes with them."""
    quantizer = build("uniform", dim=coefficients.shape[1], levels=alphabets.levels)
    quantizer.fit(alphabets.low, alphabets.high)
    latents = coefficients.float()[None, None]
    return (quantizer(latents).latents - latents).square().sum(-1).mean().item()


@pytest.mark.parametrize("bits", [1.0, 4.5, 10.0, 24.0])
def test_the_budget_holds_and_the_error_is_the_quantizers(bits):
    coefficients = torch.randn(1000, 6) * torch.tensor([8.0, 4.0, 2.0, 1.0, 0.5, 0.1])
    alphabets = choose(coefficients, bits)
    assert sum(map(math.log2, alphabets.levels)) <= bits + 1e-9
    assert measured(coefficients, alphabets) == pytest.approx(alphabets.error, rel=1e-4)
    # Every range is somewhat shorter or longer: none of them was left to chance.
    assert alphabets.levels == sorted(alphabets.levels, reverse=True), "more for what varies more"


def test_no_other_choice_is_much_better():
    """Three coefficients, every combination of sizes within the bits."""
    torch.manual_seed(1)
    coefficients = torch.randn(500, 3) * torch.tensor([5.0, 2.0, 1.0])
    tables = [_errors(column.double())[0] for column in coefficients.unbind(1)]
    few = range(len([size for size in SIZES if size <= 64]))
    for bits in (3.0, 6.0, 9.0):
        best = min(
            sum(float(table[position]) for table, position in zip(tables, places, strict=True))
            for places in itertools.product(few, repeat=3)
            if sum(math.log2(SIZES[position]) for position in places) <= bits
        )
        assert best <= choose(coefficients, bits).error <= 1.1 * best


def test_many_bits_leave_the_same_error_in_every_coefficient():
    """Reverse water-filling: values spread evenly, whose uniform quantizer has error step^2 / 12."""
    spread = torch.tensor([16.0, 8.0, 4.0, 2.0])
    coefficients = (torch.rand(4000, 4) - 0.5) * spread
    alphabets = choose(coefficients, 16.0)
    steps = (alphabets.high - alphabets.low) / torch.tensor(alphabets.levels)
    assert steps.max() / steps.min() < 1.3
    assert alphabets.error == pytest.approx((steps**2 / 12).sum().item(), rel=0.05)


def test_what_does_not_vary_gets_nothing():
    coefficients = torch.stack([torch.randn(300), torch.full((300,), 2.5)], 1)
    alphabets = choose(coefficients, 5.0)
    assert alphabets.levels == [32, 1]
    assert alphabets.low[1] == alphabets.high[1] == 2.5
