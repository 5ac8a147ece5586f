"""Losses of the plain quantizer and where their gradients go (traps: beta on the wrong term, a loss taken after the
straight-through step), and a fresh codebook in half precision."""

import pytest
import torch

from vqzoo.quantizers import build

BETA = 0.25


def losses_and_gradients(metric="l2"):
    quantizer = build("vq", dim=3, codebook_size=5, metric=metric)
    weight = quantizer.codebook.weight
    weight.data.normal_()
    latents = torch.randn(2, 4, 3, 3, requires_grad=True)
    out = quantizer(latents)
    codevectors = weight.detach()[out.indices.squeeze(-1)]
    return quantizer, latents, out, codevectors


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_both_losses_are_the_mean_squared_distance(metric):
    _, latents, out, codevectors = losses_and_gradients(metric)
    distance = (latents - codevectors).square().mean()
    assert out.losses.keys() == {"commitment", "codebook"}
    for loss in out.losses.values():
        torch.testing.assert_close(loss, distance)


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_commitment_pulls_the_latents_alone(metric):
    quantizer, latents, out, codevectors = losses_and_gradients(metric)
    to_latents, to_codebook = torch.autograd.grad(
        out.losses["commitment"], [latents, quantizer.codebook.weight], allow_unused=True
    )
    torch.testing.assert_close(to_latents, 2 * (latents.detach() - codevectors) / latents.numel())
    assert to_codebook is None


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_codebook_loss_pulls_each_codevector_to_its_latents_alone(metric):
    quantizer, latents, out, codevectors = losses_and_gradients(metric)
    to_latents, to_codebook = torch.autograd.grad(
        out.losses["codebook"], [latents, quantizer.codebook.weight], allow_unused=True
    )
    pulls = 2 * (codevectors - latents.detach()) / latents.numel()
    by_hand = torch.stack([pulls[out.indices.squeeze(-1) == k].sum(0) for k in range(5)])
    torch.testing.assert_close(to_codebook, by_hand)
    assert to_latents is None


def test_weighted_as_in_the_paper_the_gradients_are_as_one_to_beta():
    quantizer = build("vq", dim=3, codebook_size=1)
    latents = torch.randn(1, 1, 1, 3, requires_grad=True)
    losses = quantizer(latents).losses
    (losses["codebook"] + BETA * losses["commitment"]).backward()
    torch.testing.assert_close(latents.grad.view(3), -BETA * quantizer.codebook.weight.grad.view(3))


def test_the_decoders_gradient_does_not_reach_the_codebook():
    quantizer, _, out, _ = losses_and_gradients()
    (gradient,) = torch.autograd.grad(out.latents.sum(), [quantizer.codebook.weight], allow_unused=True)
    assert gradient is None


def test_a_moving_average_has_no_codebook_loss_and_no_parameters():
    quantizer = build("ema", dim=3, codebook_size=5)
    assert quantizer(torch.randn(1, 2, 2, 3)).losses.keys() == {"commitment"}
    assert not list(quantizer.parameters())


def test_cosine_chooses_by_angle_and_returns_the_codevector_as_it_is():
    quantizer = build("vq", dim=2, codebook_size=2, metric="cosine").eval()
    quantizer.codebook.weight.data = torch.tensor([[10.0, 0.0], [0.6, 0.8]])
    out = quantizer(torch.tensor([1.0, 0.0]).view(1, 1, 1, 2))
    assert out.indices.item() == 0 and out.latents.flatten().tolist() == [10.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_fresh_codebook_is_used_as_widely_in_half_precision(dtype):
    """U(-1/K, 1/K) is so narrow that distances computed in bfloat16 all round to one value: one codevector for all."""
    quantizer = build("vq", dim=128, codebook_size=1024).eval()
    latents = torch.randn(2, 16, 16, 128).to(dtype)
    with torch.autocast("cpu", dtype):
        used = len(quantizer.encode(latents).unique())
    weight = quantizer.codebook.weight.detach().double()
    exact = torch.cdist(latents.reshape(-1, 128).double(), weight, compute_mode="donot_use_mm_for_euclid_dist")
    assert used == len(exact.argmin(1).unique()) > 50


def test_a_large_codebook_of_short_vectors_is_searched_exactly_in_half_precision():
    quantizer = build("vq", dim=8, codebook_size=16384).eval()
    quantizer.codebook.weight.data.normal_()
    latents = torch.randn(1, 10, 10, 8).bfloat16()
    exact = torch.cdist(latents.view(-1, 8).double(), quantizer.codebook.weight.detach().double()).argmin(1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(quantizer.encode(latents).flatten(), exact)
