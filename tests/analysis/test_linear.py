"""Fitted PCAs at fewer bits than they were made for."""

import math

import pytest
import torch

from vqzoo.analysis.linear import at_bits, components, nearest
from vqzoo.hub.registry import load
from vqzoo.quantizers.uniform import Uniform

SIZE = (70, 64)  # 15 blocks of 16 x 16 pixels, those at the edge filled up


@pytest.fixture(scope="module")
def pca():
    return load("cifar10-pca-16x320")


@pytest.mark.parametrize("bits", [0, 60, 1000, 9000, 15_000])
def test_either_way_costs_no_more_than_asked_for_and_hardly_less(pca, bits):
    images = torch.rand(1, 3, *SIZE) * 2 - 1
    for coarser in at_bits(pca, SIZE, bits):
        tokens = coarser.encode(images)
        spent = coarser.bits(tokens).item()
        assert spent <= bits and (bits < 200 or spent > bits - 200), "at most about 13 bits a block are left over"
        assert coarser.decode(tokens).shape == images.shape


def test_fewer_are_the_first_as_they_are_and_coarser_are_their_ranges(pca):
    whole = pca.quantizers[0]
    assert isinstance(whole, Uniform)
    fewer, coarser = (tokenizer.quantizers[0] for tokenizer in at_bits(pca, SIZE, 3000))
    remaining = sum(size > 1 for size in fewer.index_sizes)
    assert fewer.index_sizes[:remaining] == whole.index_sizes[:remaining] and remaining == components(
        at_bits(pca, SIZE, 3000)[0]
    )
    torch.testing.assert_close(fewer.step[:remaining], whole.step[:remaining])
    torch.testing.assert_close(fewer.low[:remaining], whole.low[:remaining])
    sizes = torch.tensor(whole.index_sizes)
    span = torch.tensor(coarser.index_sizes) * coarser.step
    torch.testing.assert_close(span, sizes * whole.step)
    stored = [
        (size, step.item())
        for size, step, most in zip(coarser.index_sizes, coarser.step, sizes, strict=True)
        if 1 < size < most
    ]
    steps = [step for _, step in stored]
    assert max(steps) / min(steps) < 2, "one step, but for the rounding of how many there are"
    assert all(size <= most for size, most in zip(coarser.index_sizes, whole.index_sizes, strict=True))


def test_enough_bits_leave_the_model_as_it_is(pca):
    assert at_bits(pca, SIZE, 10**7) == [pca]
    blocks = math.prod(-(-side // 16) for side in SIZE)
    full = sum(math.log2(size) for size in pca.quantizers[0].index_sizes) * blocks
    assert at_bits(pca, SIZE, full * 1.0001) == [pca] and len(at_bits(pca, SIZE, full * 0.99)) == 2


def test_the_nearest_is_the_one_of_least_squared_error(pca):
    images = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    some = {"few": at_bits(pca, (64, 64), 100), "all": [pca]}
    assert nearest(some, images) == ("all", pca)
    assert nearest({"few": some["few"]}, images)[0] == "few"
