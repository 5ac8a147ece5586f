"""Uniform scalar quantization by hand: where its values lie, what is outside, what it costs."""

import math

import numpy as np
import pytest
import torch

from vqzoo.quantizers import build
from vqzoo.quantizers.uniform import Uniform


def fitted(levels: list[int], low: list[float], high: list[float]) -> Uniform:
    quantizer = build("uniform", dim=len(levels), levels=levels)
    assert isinstance(quantizer, Uniform)
    quantizer.fit(torch.tensor(low), torch.tensor(high))
    return quantizer.eval()


def test_values_are_the_midpoints_of_equal_cells_by_hand():
    """Two cells of 0..4: 1 and 3. Four of -1..1: -0.75, -0.25, 0.25, 0.75. One of 5..7: 6. Of 2..2: 2."""
    quantizer = fitted([2, 4, 1, 3], [0.0, -1.0, 5.0, 2.0], [4.0, 1.0, 7.0, 2.0])
    latents = torch.tensor(
        [[0.1, -0.9, 0.0, 2.0], [1.9, -0.1, 6.5, 9.0], [2.1, 0.1, -8.0, -9.0], [3.0, 0.9, 80.0, 2.1]]
    )
    out = quantizer(latents.view(1, 2, 2, 4))
    expected = [[1, -0.75, 6, 2], [1, -0.25, 6, 2], [3, 0.25, 6, 2], [3, 0.75, 6, 2]]
    torch.testing.assert_close(out.latents.view(4, 4), torch.tensor(expected))
    assert out.indices.view(4, 4).tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [1, 2, 0, 0], [1, 3, 0, 0]]
    assert out.losses == {}


def test_what_lies_outside_takes_the_outermost_value():
    quantizer = fitted([4], [-1.0], [1.0])
    latents = torch.tensor([-1e30, -1.01, 1.01, 1e30]).view(1, 1, 4, 1)
    assert quantizer.encode(latents).flatten().tolist() == [0, 0, 3, 3]


def test_inside_its_range_it_is_the_nearest_value():
    levels, low, high = [5, 2, 17], [-2.0, 0.0, -1.0], [3.0, 1.0, 8.0]
    quantizer = fitted(levels, low, high)
    latents = torch.rand(500, 3) * (torch.tensor(high) - torch.tensor(low)) + torch.tensor(low)
    quantized = quantizer(latents.view(1, 1, 500, 3)).latents.view(500, 3)
    for channel, size in enumerate(levels):
        edges = np.linspace(low[channel], high[channel], size + 1)
        values = torch.tensor((edges[1:] + edges[:-1]) / 2, dtype=torch.float32)
        nearest = (latents[:, channel, None] - values).abs().min(1).values
        torch.testing.assert_close((quantized - latents)[:, channel].abs(), nearest, rtol=0, atol=1e-5)
        width = (high[channel] - low[channel]) / size
        assert nearest.max() <= width / 2 + 1e-5, "no error inside the range is larger than half a cell"


@pytest.mark.trap("T33", "uniform")
def test_bits_are_those_of_each_alphabet():
    """3 x 2 cells of log2 2 + log2 3 + log2 1 + log2 256 bits."""
    quantizer = build("uniform", dim=4, levels=[2, 3, 1, 256])
    bits = quantizer.bits(quantizer.encode(torch.zeros(5, 3, 2, 4)))
    assert bits.tolist() == pytest.approx([6 * (1 + math.log2(3) + 8)] * 5)


@pytest.mark.trap("T16", "uniform")
def test_every_value_of_the_largest_alphabet_comes_back():
    quantizer = fitted([2**16], [-1000.0], [1000.0])
    indices = torch.arange(2**16).view(1, 256, 256, 1)
    assert torch.equal(quantizer.encode(quantizer.decode(indices)), indices)


def test_the_fit_is_state():
    quantizer = fitted([4, 2], [-1.0, 0.0], [1.0, 4.0])
    other = build("uniform", **{key: value for key, value in quantizer.config.items() if key != "name"})
    other.load_state_dict(quantizer.state_dict())
    latents = 3 * torch.randn(2, 3, 5, 2)
    assert torch.equal(other.eval()(latents).latents, quantizer(latents).latents)
