"""The choice among codebooks: which one, what it costs, who learns, and that evaluation draws nothing."""

import math

import pytest
import torch
from torch import Tensor

from vqzoo.quantizers import build
from vqzoo.quantizers.adaptive import Adaptive

SIZES = [16, 32, 64]


def adaptive(**settings) -> Adaptive:
    """Codebooks of 16 x 4, 32 x 2 and 64 x 1 numbers; trained for two steps, so that none is at its start."""
    quantizer = build("adaptive", **{"dim": 8, "capacity": 64, "codebooks": 3, **settings})
    for _ in range(2):
        quantizer(torch.randn(2, 8, 8, 8))
    return quantizer


def scores_by_hand(quantizer: Adaptive, latents: Tensor) -> Tensor:
    """softmax's argument: per head q.k / sqrt(length of a head), then the mean over heads."""
    queries = quantizer.query(latents)
    length = quantizer.dim // quantizer.heads
    per_head = []
    for head in range(quantizer.heads):
        part = slice(head * length, (head + 1) * length)
        per_head.append(queries[..., part] @ quantizer.keys[:, part].T / length**0.5)
    return torch.stack(per_head).mean(0)


def always(quantizer: Adaptive, chosen: int) -> Adaptive:
    """Scores so far apart that no noise changes the choice."""
    with torch.no_grad():
        quantizer.query.weight.zero_()
        quantizer.query.bias.fill_(100.0)
        quantizer.keys.fill_(-10.0)
        quantizer.keys[chosen] = 10.0
    return quantizer


def test_codebooks_have_equal_capacities_of_different_shapes():
    quantizer = build("adaptive", dim=128)
    shapes = [tuple(part.quantizer.codebook.weight.shape) for part in quantizer.parts]
    expected = [(512, 128), (1024, 64), (2048, 32), (4096, 16), (8192, 8), (16384, 4), (32768, 2), (65536, 1)]
    assert shapes == expected and quantizer.index_sizes == (sum(size for size, _ in expected),)


def test_an_index_tells_its_codebook():
    quantizer = adaptive()
    indices = torch.tensor([0, 15, 16, 47, 48, 111]).view(1, 2, 3, 1)
    assert quantizer.selection(indices).tolist() == [[[0, 0, 1], [1, 2, 2]]]


def test_bits_are_those_of_the_choice_and_of_the_chosen_codebook():
    quantizer = adaptive()
    indices = torch.tensor([[0, 15, 16, 47], [48, 111, 48, 48]]).view(2, 2, 2, 1)
    bits = quantizer.bits(indices)
    assert bits.dtype == torch.float64
    expected = [4 * math.log2(3) + 2 * 4 + 2 * 5, 4 * math.log2(3) + 4 * 6]
    assert bits.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("chosen", [0, 1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_the_output_is_that_of_the_chosen_codebook_bit_for_bit(chosen, training):
    quantizer = always(adaptive(), chosen)
    latents = torch.randn(2, 3, 4, 8)
    part = quantizer.parts[chosen]
    expected = part.eval()(latents)
    out = quantizer.train(training)(latents)
    assert (quantizer.selection(out.indices) == chosen).all()
    if not training:
        assert torch.equal(out.latents, expected.latents)
        assert torch.equal(out.indices, expected.indices + sum(SIZES[:chosen]))
    costs = 12 * (math.log2(3) + math.log2(SIZES[chosen]))
    assert quantizer.bits(out.indices).tolist() == pytest.approx([costs, costs])


@pytest.mark.trap("T25", "adaptive")
def test_evaluation_takes_the_highest_score_and_draws_nothing():
    quantizer = adaptive()
    latents = torch.randn(2, 3, 4, 8)
    choices = [quantizer.selection(quantizer(latents).indices) for _ in range(2)]
    assert not torch.equal(*choices), "in training there is noise"
    quantizer.eval()
    expected = scores_by_hand(quantizer, latents).argmax(-1)
    assert len(expected.unique()) > 1
    state = torch.get_rng_state()
    out = quantizer(latents)
    assert torch.equal(torch.get_rng_state(), state), "nothing was drawn"
    assert torch.equal(quantizer.selection(out.indices), expected)
    assert torch.equal(quantizer.selection(quantizer.encode(latents)), expected)


def test_the_gradient_reaches_the_selector_as_that_of_a_soft_choice():
    quantizer, latents = adaptive().eval(), torch.randn(2, 3, 4, 8)
    direction = torch.randn(2, 3, 4, 8)
    selector = [quantizer.keys, quantizer.query.weight, quantizer.query.bias]
    actual = torch.autograd.grad(quantizer(latents).latents, selector, direction)
    p = torch.softmax(scores_by_hand(quantizer, latents), -1)
    outputs = torch.stack([part(latents).latents for part in quantizer.parts], -1).detach()
    expected = torch.autograd.grad((outputs * p[..., None, :]).sum(-1), selector, direction)
    assert all(gradient.any() for gradient in expected)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_training_moves_the_selector_too():
    quantizer = adaptive()
    selector = [quantizer.keys, quantizer.query.weight]
    latents = torch.randn(2, 3, 4, 8)
    gradients = torch.autograd.grad(quantizer(latents).latents, selector, torch.randn_like(latents))
    assert gradients[0].any(-1).all() and gradients[1].any()


@pytest.mark.parametrize("chosen", [0, 2])
def test_every_codebook_learns_whether_chosen_or_not(chosen):
    quantizer = always(adaptive(), chosen)
    before = [part.quantizer.codebook.weight.clone() for part in quantizer.parts]
    out = quantizer(torch.randn(2, 8, 8, 8))
    assert (quantizer.selection(out.indices) == chosen).all()
    for number, (part, weight) in enumerate(zip(quantizer.parts, before, strict=True)):
        assert not torch.equal(part.quantizer.codebook.weight, weight), f"codebook {number} learnt nothing"
    downs = [part.down.weight for part in quantizer.parts]
    assert all(gradient.any() for gradient in torch.autograd.grad(out.losses["commitment"], downs))


def test_losses_are_means_over_the_codebooks():
    quantizer, latents = adaptive().eval(), torch.randn(2, 3, 4, 8)
    each = [part(latents).losses["commitment"] for part in quantizer.parts]
    torch.testing.assert_close(quantizer(latents).losses, {"commitment": sum(each) / 3})


def test_temperature_falls_from_the_number_of_codebooks_to_one():
    quantizer = build("adaptive", dim=8, capacity=64, codebooks=4, anneal_steps=2)
    assert [quantizer.temperature() for _ in range(4)] == pytest.approx([4, 2, 1, 1])


def test_a_lower_temperature_follows_the_scores_more_closely(gumbel_noise):
    """Gumbel noise alone does not depend on it, but the gradient of the choice does: 1 / t in the softmax."""
    gradients = []
    for tau in (1.0, 4.0):
        quantizer = adaptive(last_temperature=tau, anneal_steps=1)
        latents = torch.randn(2, 3, 4, 8)
        torch.manual_seed(3)
        noise = gumbel_noise((2, 3, 4, 3))
        torch.manual_seed(3)
        direction = torch.ones(2, 3, 4, 8)
        outputs = torch.stack([part.eval()(latents).latents for part in quantizer.parts], -1).detach()
        soft = torch.softmax((scores_by_hand(quantizer, latents) + noise) / tau, -1)
        (expected,) = torch.autograd.grad((outputs * soft[..., None, :]).sum(-1), quantizer.keys, direction)
        (actual,) = torch.autograd.grad(quantizer(latents).latents, quantizer.keys, direction)
        torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4)
        gradients.append(actual)
    assert not torch.allclose(*gradients)


def test_shares_of_the_choices_by_hand():
    counts = torch.zeros(sum(SIZES), dtype=torch.int64)
    counts[[0, 15]] = torch.tensor([1, 2])  # the ends of the first codebook
    counts[16] = 3  # the start of the second
    counts[-1] = 4
    assert adaptive().shares([counts]) == {"16 x 4": 0.3, "32 x 2": 0.3, "64 x 1": 0.4}


def test_codebooks_may_learn_by_gradient():
    """The study's row without moving averages: the codebook loss reaches every codebook, and nothing else moves one."""
    quantizer = build("adaptive", dim=8, capacity=32, codebooks=3, rule="gradient").train()
    begin, latents = torch.randn(2, 2, 4, 4, 8, generator=torch.Generator().manual_seed(0))
    quantizer(begin)  # codevectors start from data
    weights = [part.quantizer.codebook.weight for part in quantizer.parts]
    before = [weight.detach().clone() for weight in weights]
    quantizer(latents).losses["codebook"].backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in weights)
    assert all(torch.equal(weight, stored) for weight, stored in zip(weights, before, strict=True))
    assert "codebook" not in build("adaptive", dim=8, capacity=32, codebooks=3).train()(latents).losses
