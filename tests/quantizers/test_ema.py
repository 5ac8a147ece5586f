"""The codebook of moving averages: by hand, against an independent one, and over thousands of idle steps."""

import pytest
import torch
import torch.nn.functional as F
from vector_quantize_pytorch import VectorQuantize

from vqzoo.ops.lookup import nearest
from vqzoo.quantizers import build
from vqzoo.quantizers.codebook import EMACodebook


def started(weight: list, decay: float = 0.99) -> EMACodebook:
    codebook = EMACodebook(len(weight), len(weight[0]), decay)
    codebook.weight.copy_(torch.tensor(weight))
    codebook.started.fill_(True)
    return codebook


def test_two_steps_by_hand():
    """decay 0.75, two codevectors on a line at 0 and 10.

    Step 1, latents 1, 2, 9: n = (0.75 + 0.25 x 2, 0.75 + 0.25 x 1) = (1.25, 1),
    m = (0.75 x 0 + 0.25 x 3, 0.75 x 10 + 0.25 x 9) = (0.75, 9.75), e = (0.6, 9.75).
    Step 2, latents 1, 1, 1: n = (0.9375 + 0.75, 0.75) = (1.6875, 0.75),
    m = (0.5625 + 0.75, 7.3125) = (1.3125, 7.3125), e = (0.77777..., 9.75).
    """
    codebook = started([[0.0], [10.0]], decay=0.75)
    codebook.update(torch.tensor([[1.0], [2.0], [9.0]]), torch.tensor([0, 0, 1]), "l2")
    torch.testing.assert_close(codebook.weight, torch.tensor([[0.6], [9.75]]))
    torch.testing.assert_close(codebook.counts, torch.tensor([1.25, 1.0]))
    codebook.update(torch.ones(3, 1), torch.zeros(3, dtype=torch.int64), "l2")
    torch.testing.assert_close(codebook.weight, torch.tensor([[1.3125 / 1.6875], [9.75]]))
    torch.testing.assert_close(codebook.counts, torch.tensor([1.6875, 0.75]))


@pytest.mark.parametrize("decay", [0.8, 0.99])
def test_same_codebook_as_an_independent_implementation(decay):
    """From one initial state. The other one smooths counts with eps, which is made so small that nothing is left of it:
    what smoothing does to codevectors that nobody chooses is the one point in which the two are meant to differ."""
    theirs = VectorQuantize(
        dim=4, codebook_size=16, decay=decay, eps=1e-30, threshold_ema_dead_code=0, rotation_trick=False
    ).train()
    ours = build("ema", dim=4, codebook_size=16)
    ours.codebook.decay = decay
    ours.codebook.weight.copy_(theirs.codebook)
    ours.codebook.started.fill_(True)
    for _ in range(20):
        latents = torch.randn(2, 6, 5, 4)
        quantized, indices, _ = theirs(latents.flatten(1, 2))
        out = ours(latents)
        assert torch.equal(out.indices.flatten(), indices.flatten())
        torch.testing.assert_close(ours.codebook.weight, theirs.codebook, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.codebook.counts, theirs._codebook.cluster_size[0], rtol=1e-5, atol=1e-5)


def test_a_codevector_that_nobody_chooses_stays_exactly_where_it_is():
    codebook = started([[0.1, -0.3], [7.7, 3.3]])
    place = codebook.weight[1].clone()
    for _ in range(3000):
        codebook.update(torch.randn(4, 2), torch.zeros(4, dtype=torch.int64), "l2")
    assert torch.equal(codebook.weight[1], place)
    assert codebook.weight.isfinite().all()
    codebook.update(torch.tensor([[5.0, 6.0]]), torch.tensor([1]), "l2")
    torch.testing.assert_close(codebook.weight[1], torch.tensor([5.0, 6.0])), "and then goes where it is wanted"


def test_counts_that_reach_zero_leave_no_mark():
    codebook = started([[1.0], [2.0]], decay=0.0)
    for _ in range(3):
        codebook.update(torch.tensor([[4.0]]), torch.tensor([0]), "l2")
    assert codebook.weight.tolist() == [[4.0], [2.0]] and codebook.counts.tolist() == [1, 0]


def test_the_first_step_starts_from_latents_and_does_not_raise_the_error():
    """A codebook that takes the latents' places and then divides by other counts shrinks at once."""
    latents = 3 + 2 * torch.randn(1, 20, 20, 8)
    codebook = EMACodebook(32, 8)
    flat = latents.view(-1, 8)
    codebook.prepare(flat)
    assert all((flat == row).all(1).any() for row in codebook.weight)

    def error() -> float:
        return F.mse_loss(codebook.weight[nearest(flat, codebook.weight)], flat).item()

    errors = [error()]
    for _ in range(5):
        codebook.update(flat, nearest(flat, codebook.weight), "l2")
        errors.append(error())
    assert errors == sorted(errors, reverse=True) and errors[-1] < errors[0]


def test_the_codebook_starts_once():
    codebook = EMACodebook(4, 2)
    codebook.prepare(torch.randn(9, 2))
    place = codebook.weight.clone()
    codebook.prepare(torch.randn(9, 2))
    assert torch.equal(codebook.weight, place)


def test_fewer_latents_than_codevectors_leave_no_zero_and_no_twin():
    quantizer = build("ema", dim=4, codebook_size=64)
    quantizer(torch.randn(1, 2, 5, 4))
    weight = quantizer.codebook.weight
    assert weight.any(1).all() and len(weight.unique(dim=0)) == 64


def test_no_codevector_ever_leaves_the_latents():
    """Averages stay among what is averaged: an initial count of zero sends codevectors to 1e5 instead."""
    quantizer = build("ema", dim=4, codebook_size=64)
    longest = 0.0
    for step in range(30):
        latents = torch.randn(1, 4, 4, 4) * (1 + step % 5)
        longest = max(longest, latents.norm(dim=-1).max().item())
        quantizer(latents)
        assert quantizer.codebook.weight.norm(dim=1).max() <= 1.05 * longest
