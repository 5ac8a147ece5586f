"""The online-clustered codebook: its formula by hand, and against a plain version with the whole matrix sorted."""

import math

import pytest
import torch
import torch.nn.functional as F

from vqzoo.quantizers import build
from vqzoo.quantizers.codebook import Codebook


def plain_step(weight, usage, latents, metric, decay=0.99):
    """One update of (codebook, usage), straight from the paper: all N x K similarities, sorted."""
    if metric == "cosine":
        similarity = F.normalize(latents) @ F.normalize(weight).T
    else:
        similarity = -(latents[:, None] - weight[None]).square().sum(-1)
    chosen = similarity.argsort(1)[:, -1]
    share = torch.bincount(chosen, minlength=len(weight)) / len(latents)
    usage = decay * usage + (1 - decay) * share
    alpha = torch.exp(-usage * len(weight) * 10 / (1 - decay) - 1e-3)[:, None]
    anchors = latents[similarity.argsort(0)[-1]]
    return (1 - alpha) * weight + alpha * anchors, usage


@pytest.mark.trap("T7", "cvq", "looc")
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_same_codebook_as_the_plain_version(metric):
    """One step from many states with never, hardly and often used codevectors. Not one state after another: codevectors
    that take one latent for their anchor become equal up to rounding, and which of them is then chosen is chance."""
    quantizer = build("cvq", dim=4, codebook_size=24, metric=metric)
    codebook = quantizer.codebook
    for _ in range(10):
        codebook.weight.data.normal_()
        codebook.usage.copy_(torch.rand(24) * torch.tensor([0.0, 1e-6, 2e-5, 1e-4, 1e-3, 0.1]).repeat(4))
        weight, usage = codebook.weight.detach().double(), codebook.usage.double()
        latents = torch.randn(1, 5, 6, 4) + 0.5
        quantizer(latents)
        weight, usage = plain_step(weight, usage, latents.view(-1, 4).double(), metric)
        torch.testing.assert_close(codebook.weight.detach(), weight.float(), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(codebook.usage, usage.float(), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("usage", "alpha"),
    [
        (0.0, 0.9990005),  # never used: exp(-0.001)
        (0.00035, 0.4995004),  # 2 x 0.00035 = 7e-4 of its share, 0.99 of it left: exp(-2000 x 3.465e-4 - 0.001)
        (0.5, 0.0),  # used as much as the other one: exp(-1000 x 0.99)
    ],
)
def test_how_far_an_unused_codevector_moves(usage, alpha):
    """Two codevectors at 0 and 1 on a line, all latents at 1: the first is pulled from 0 to 1 by alpha."""
    codebook = Codebook(2, 1, revival="closest")
    codebook.weight.data = torch.tensor([[0.0], [1.0]])
    codebook.usage.copy_(torch.tensor([usage, 0.5]))
    codebook.update(torch.ones(4, 1), torch.ones(4, dtype=torch.int64), "l2")
    expected = math.exp(-1000 * 2 * 0.99 * usage - 0.001)
    assert codebook.weight[0].item() == pytest.approx(expected, abs=1e-6) == pytest.approx(alpha, abs=1e-4)
    assert codebook.weight[1].item() == 1.0


def test_in_the_first_step_the_unused_move_to_data_and_the_used_stay():
    codebook = Codebook(3, 2, revival="closest")
    codebook.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]])
    latents = torch.tensor([[1.1, 0.0], [0.0, 1.1], [1.2, 0.3], [0.1, 1.0]])
    codebook.update(latents, torch.tensor([0, 1, 0, 1]), "l2")
    # Half of the latents each: p = 0.005, alpha = exp(-15.001) = 3e-7.
    torch.testing.assert_close(codebook.weight[:2].detach(), torch.eye(2), rtol=0, atol=1e-6)
    # The third was not chosen; (1.2, 0.3) is nearest to (9, 9), and alpha = exp(-0.001).
    alpha = math.exp(-0.001)
    by_hand = [(1 - alpha) * 9 + alpha * 1.2, (1 - alpha) * 9 + alpha * 0.3]
    assert codebook.weight[2].tolist() == pytest.approx(by_hand, abs=1e-5)


def test_an_evenly_used_codebook_is_left_exactly_alone():
    codebook = Codebook(4, 2, revival="closest")
    codebook.usage.fill_(1 / 4)
    before = codebook.weight.detach().clone()
    for _ in range(5):
        codebook.update(torch.randn(8, 2), torch.arange(8) % 4, "cosine")
    assert torch.equal(codebook.weight, before)


def test_a_codevector_that_falls_out_of_use_is_halfway_to_the_data_after_about_720_steps():
    """Its share halves every 69 steps; alpha is one half where 0.99^t = 6.9e-4, which is t = 724."""
    codebook = Codebook(2, 1, revival="closest")
    codebook.usage.fill_(0.5)
    steps = 0
    while torch.exp(-2000 * codebook.usage[0] - 0.001) < 0.5:
        codebook.update(torch.ones(2, 1), torch.ones(2, dtype=torch.int64), "l2")
        steps += 1
    assert steps == 724


def test_dead_codevectors_come_back_into_use():
    """Latents far from the fresh codebook, of which lookup alone reaches a few codevectors."""
    used = {}
    for name in ("vq", "cvq"):
        plain = {"start": "uniform", "revival": "none"} if name == "vq" else {}
        quantizer = build(name, dim=8, codebook_size=64, metric="l2", **plain)
        for _ in range(100):
            quantizer(5 + torch.randn(1, 16, 16, 8))
        used[name] = len(quantizer.eval().encode(5 + torch.randn(1, 32, 32, 8)).unique())
    assert used["cvq"] > 24 > 12 > used["vq"]
