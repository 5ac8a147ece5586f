"""Gumbel noise does what it is for, and is the same however many processes share the batch."""

import pytest
import torch

from vqzoo.ops import noise


def test_the_largest_entry_is_a_draw_from_the_softmax():
    """Gumbel's trick, over 200,000 draws: each share within five standard deviations of its probability."""
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    torch.manual_seed(0)
    draws = noise.gumbel_softmax(probabilities.log().expand(20, 10_000, 4), 1.0).argmax(-1)
    shares = draws.flatten().bincount() / draws.numel()
    assert ((shares - probabilities).abs() < 5 * (probabilities / draws.numel()).sqrt()).all()


def test_images_and_calls_have_noise_of_their_own():
    torch.manual_seed(0)
    first, second = (noise.gumbel_softmax(torch.zeros(2, 50, 8), 1.0) for _ in range(2))
    assert not torch.equal(first[0], first[1]) and not torch.equal(first, second)
    assert (
        torch.corrcoef(torch.stack([first[0].flatten(), first[1].flatten(), second[0].flatten()]))[0, 1:].abs().max()
        < 0.2
    )


def test_hard_is_one_hot_with_the_gradient_of_the_soft():
    logits = torch.randn(2, 5, 4, requires_grad=True)
    direction = torch.randn(2, 5, 4)
    actual = []
    for hard in (True, False):
        torch.manual_seed(0)
        out = noise.gumbel_softmax(logits, 0.5, hard)
        actual.append((out, torch.autograd.grad(out, logits, direction)[0]))
    (one_hot, gradient), (soft, expected) = actual
    torch.testing.assert_close(one_hot, torch.nn.functional.one_hot(soft.argmax(-1), 4).float())
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("world", [2, 3])
def test_shares_of_processes_are_the_whole(monkeypatch, world):
    """Each process starts with the same seed and knows its rank."""
    logits = torch.randn(6, 3, 4)
    torch.manual_seed(1)
    whole = noise.gumbel_softmax(logits, 1.0)
    monkeypatch.setattr(noise.dist, "is_initialized", lambda: True)
    shares = []
    for rank in range(world):
        monkeypatch.setattr(noise.dist, "get_rank", lambda rank=rank: rank)
        torch.manual_seed(1)
        shares.append(noise.gumbel_softmax(logits.tensor_split(world)[rank], 1.0))
    assert torch.equal(torch.cat(shares), whole)
