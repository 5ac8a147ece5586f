"""Finite scalar quantization against an independent one, by hand, and with indices as large as they can be."""

import math

import pytest
import torch
from torch import Tensor
from vector_quantize_pytorch import FSQ

from vqzoo.quantizers import build
from vqzoo.quantizers.projected import Projected

LEVELS = [[8, 6, 5], [8, 5, 5, 5], [7, 5, 5, 5, 5], [8, 8, 8, 6, 5], [3], [3, 4, 9, 16]]


def fsq(levels: list[int]):
    """Without projections."""
    return build("fsq", dim=len(levels), levels=levels)


def latents_of(digits: Tensor, level: int) -> Tensor:
    """What is bounded to exactly these digits, 0 to level - 1: the inverse of tanh(z + s) h - o, in float64."""
    reach = min((level - 1) * 1.001 / 2, (level - 1) / 2 + 0.25)
    offset = 0.5 if level % 2 == 0 else 0.0
    wanted = digits.double() - level // 2 + offset
    return (torch.atanh(wanted / reach) - math.atanh(offset / reach)).float()


@pytest.mark.parametrize("levels", LEVELS, ids=str)
def test_agrees_with_an_independent_one(levels):
    quantizer, reference = fsq(levels), FSQ(levels, channel_first=False)
    latents = 2 * torch.randn(40, 3, len(levels))
    direction = torch.randn_like(latents)
    ours, theirs = latents.clone().requires_grad_(), latents.clone().requires_grad_()
    out = quantizer(ours[None])
    values, indices = reference(theirs)
    torch.testing.assert_close(out.latents[0], values, rtol=0, atol=1e-6)
    assert torch.equal(out.indices[0, ..., 0], indices.long())
    assert len(indices.unique()) > min(30, math.prod(levels) // 2)
    (our_gradient,) = torch.autograd.grad(out.latents, ours, direction[None])
    (their_gradient,) = torch.autograd.grad(values, theirs, direction)
    torch.testing.assert_close(our_gradient, their_gradient)


def test_two_three_and_four_levels_by_hand():
    """Values: -1, 0 of two levels; -1, 0, 1 of three; -1, -1/2, 0, 1/2 of four. Digits count from the lowest."""
    quantizer = fsq([2, 3, 4])
    corners = torch.tensor([[-9.0, -9.0, -9.0], [9.0, 9.0, 9.0], [0.0, 0.0, 0.0], [0.0, -9.0, 9.0]])
    out = quantizer(corners.view(1, 2, 2, 3))
    expected = [[-1.0, -1.0, -1.0], [0.0, 1.0, 0.5], [0.0, 0.0, 0.0], [0.0, -1.0, 0.5]]
    assert out.latents.view(4, 3).tolist() == expected
    digits = [(0, 0, 0), (1, 2, 3), (1, 1, 2), (1, 0, 3)]
    assert out.indices.flatten().tolist() == [one + 2 * two + 6 * three for one, two, three in digits]
    assert quantizer.index_sizes == (24,) and out.losses == {}


@pytest.mark.trap("T17", "fsq")
@pytest.mark.parametrize("level", [2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 255, 256, 999, 1000, 1001, 1002, 4096, 65535, 65536])
def test_every_number_of_levels_has_exactly_so_many_values(level):
    quantizer = fsq([level])
    digits = torch.arange(level)
    latents = latents_of(digits, level)
    assert torch.equal(quantizer.encode(latents.view(1, 1, -1, 1)).flatten(), digits)
    values = quantizer.decode(digits.view(1, 1, -1, 1))
    assert len(values.unique()) == level and values.abs().max() <= 1
    far = torch.tensor([-1e4, -20.0, 20.0, 1e4]).view(1, 1, 4, 1)
    assert quantizer.encode(far).flatten().tolist() == [0, 0, level - 1, level - 1]


@pytest.mark.trap("T17", "fsq")
@pytest.mark.parametrize("level", [3, 4, 5, 8, 16, 100])
def test_zero_is_in_the_middle_of_its_level(level):
    """artanh shifts zero to exactly zero, also before rounding; tan, which the paper's listing has, does not."""
    quantizer = fsq([level])
    zero = quantizer._bounded(torch.zeros(1)).item()
    assert zero == pytest.approx(0, abs=1e-7 * level)
    assert quantizer(torch.zeros(1, 1, 1, 1)).latents.item() == 0
    if level == 4:
        reach = 3 * 1.001 / 2
        listing = math.tanh(math.tan(0.5 / reach)) * reach - 0.5
        assert abs(listing) > 1e-4, "the other shift is off zero, so this test can fail"


@pytest.mark.trap("T16", "fsq")
@pytest.mark.parametrize(
    "levels", [[8, 8, 8, 5, 5, 5], [2] * 62, [16] * 15, [5] * 26, [65536, 65536, 65536, 16384], [3, 2] * 12], ids=str
)
def test_indices_come_back_at_any_size(levels):
    """Indices beyond 2^53 do not fit into any floating type; the last of all is the first that would go wrong."""
    quantizer = fsq(levels)
    (size,) = quantizer.index_sizes
    assert size == math.prod(levels) <= 2**62
    indices = torch.randint(size, (500,))
    indices[:4] = torch.tensor([0, 1, size - 2, size - 1])
    values = quantizer.decode(indices.view(1, 1, -1, 1)).view(500, -1)
    # From the values to digits to latents, each with its own arithmetic, and back.
    channels = [
        latents_of((values[:, channel].double() * (level // 2)).round() + level // 2, level)
        for channel, level in enumerate(levels)
    ]
    latents = torch.stack(channels, -1).view(1, 1, 500, -1)
    assert torch.equal(quantizer.encode(latents).flatten(), indices)
    assert torch.equal(quantizer(latents).latents.view(500, -1), values)


def test_more_channels_than_levels_are_projected():
    quantizer = build("fsq", dim=16)
    assert isinstance(quantizer, Projected) and quantizer.index_sizes == (1000,)
    assert not isinstance(fsq([8, 5, 5, 5]), Projected)
