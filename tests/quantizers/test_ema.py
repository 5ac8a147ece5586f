"""The codebook of moving averages: by hand, against an independent one, and over thousands of idle steps."""

import pytest
import torch
from vector_quantize_pytorch import VectorQuantize

from vqzoo.quantizers import build
from vqzoo.quantizers.codebook import EMACodebook


def started(weight: list, decay: float = 0.99) -> EMACodebook:
    codebook = EMACodebook(len(weight), len(weight[0]), decay=decay)
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


def unsmoothed(counts: torch.Tensor, eps: float) -> torch.Tensor:
    """(K, 1): what a codevector divided by a count with Laplace smoothing is to be multiplied with to undo that."""
    smoothed = (counts + eps) / (counts.sum() + len(counts) * eps) * counts.sum()
    return (smoothed / counts)[:, None]


@pytest.mark.parametrize(("eps", "steps"), [(1e-5, 20), (1.0, 1)])
@pytest.mark.parametrize("decay", [0.8, 0.99])
def test_same_codebook_as_an_independent_implementation(decay, eps, steps):
    """From one initial state. The other one smooths counts with eps, the one point in which the two are meant to differ
    (it moves codevectors that nobody chooses); that is taken back before they are compared. With much of it codevectors
    are elsewhere after a step, and other ones are chosen in the next."""
    theirs = VectorQuantize(
        dim=4, codebook_size=16, decay=decay, eps=eps, threshold_ema_dead_code=0, rotation_trick=False
    ).train()
    ours = build("ema", dim=4, codebook_size=16)
    ours.codebook.decay = decay
    ours.codebook.weight.copy_(theirs.codebook)
    ours.codebook.started.fill_(True)
    for _ in range(steps):
        latents = torch.randn(2, 6, 5, 4)
        _, indices, _ = theirs(latents.flatten(1, 2))
        out = ours(latents)
        assert torch.equal(out.indices.flatten(), indices.flatten())
        smoothing = unsmoothed(theirs._codebook.cluster_size[0], eps)
        torch.testing.assert_close(ours.codebook.weight, theirs.codebook * smoothing, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.codebook.counts, theirs._codebook.cluster_size[0], rtol=1e-5, atol=1e-5)


@pytest.mark.trap("T8", "ema", "pq", "rvq", "rq", "adaptive", "hvq")
def test_a_codevector_that_nobody_chooses_stays_exactly_where_it_is():
    codebook = started([[0.1, -0.3], [7.7, 3.3]])
    position = codebook.weight[1].clone()
    for _ in range(3000):
        codebook.update(torch.randn(4, 2), torch.zeros(4, dtype=torch.int64), "l2")
    assert torch.equal(codebook.weight[1], position)
    assert codebook.weight.isfinite().all()
    codebook.update(torch.tensor([[5.0, 6.0]]), torch.tensor([1]), "l2")
    torch.testing.assert_close(codebook.weight[1], torch.tensor([5.0, 6.0]), msg="it goes where it is wanted")


def test_counts_that_reach_zero_leave_no_mark():
    codebook = started([[1.0], [2.0]], decay=0.0)
    for _ in range(3):
        codebook.update(torch.tensor([[4.0]]), torch.tensor([0]), "l2")
    assert codebook.weight.tolist() == [[4.0], [2.0]] and codebook.counts.tolist() == [1, 0]


@pytest.mark.trap("T5", "ema", "pq", "rvq", "rq", "adaptive", "hvq")
@pytest.mark.parametrize("start", ["uniform", "normal", "latents", "kmeans"])
def test_one_step_makes_no_codevector_longer_than_a_latent_or_itself(start):
    """Counts that start at 0 and sums that do not belong to them make codevectors 100,000 times as long."""
    quantizer = build("ema", dim=4, codebook_size=64, start=start)
    latents = torch.randn(1, 4, 4, 4)
    bound = max(latents.norm(dim=-1).max().item(), quantizer.codebook.weight.norm(dim=1).max().item())
    for _ in range(3):
        quantizer(latents)
        assert quantizer.codebook.weight.norm(dim=1).max() <= 1.02 * bound


@pytest.mark.trap("T5", "ema", "pq", "rvq", "rq", "adaptive", "hvq")
def test_no_codevector_ever_leaves_the_latents():
    """Averages stay among what is averaged: an initial count of zero sends codevectors to 1e5 instead."""
    quantizer = build("ema", dim=4, codebook_size=64)
    longest = 0.0
    for step in range(30):
        latents = torch.randn(1, 4, 4, 4) * (1 + step % 5)
        longest = max(longest, latents.norm(dim=-1).max().item())
        quantizer(latents)
        assert quantizer.codebook.weight.norm(dim=1).max() <= 1.05 * longest
