"""SQ-VAE by hand: the choice, its two divergences, and what is drawn in training but not in evaluation."""

import math

import pytest
import torch
import torch.nn.functional as F

from vqzoo.quantizers import build


def stochastic(rows: list[list[float]], **settings):
    quantizer = build("sq", dim=len(rows[0]), codebook_size=len(rows), **settings)
    quantizer.weight.data = torch.tensor(rows)
    return quantizer


def test_gaussian_by_hand():
    """0.5 lies 0.5 and 1.5 from 0 and 2; with v = 0.5 the logits are -0.25 and -2.25, so p_1 / p_0 = e^-2."""
    quantizer = stochastic([[0.0], [2.0]], variance=0.5).eval()
    out = quantizer(torch.full((1, 1, 1, 1), 0.5))
    p = 1 / (1 + math.exp(-2))
    entropy = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert out.indices.item() == 0 and out.latents.item() == 0
    assert out.losses["kl_discrete"].item() == pytest.approx(math.log(2) - entropy)
    assert out.losses["kl_continuous"].item() == pytest.approx(0.25 / (2 * 0.5))


def test_vmf_by_hand():
    """kappa = 1 / v = 4. (3, 4) has length 5, (0, 7) points up: cosines 0.6 with (1, 0) and 0.8 with (0, 1)."""
    quantizer = stochastic([[2.0, 0.0], [0.0, 7.0]], kind="vmf", variance=0.25).eval()
    out = quantizer(torch.tensor([3.0, 4.0]).view(1, 1, 1, 2))
    p = 1 / (1 + math.exp(-4 * (0.8 - 0.6)))
    entropy = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert out.indices.item() == 1
    torch.testing.assert_close(out.latents.flatten(), torch.tensor([0.0, 1.0]))
    assert out.losses["kl_discrete"].item() == pytest.approx(math.log(2) - entropy, abs=1e-6)
    assert out.losses["kl_continuous"].item() == pytest.approx(4 * (1 - 0.8))


def test_losses_are_means_over_latents():
    quantizer = stochastic([[0.0], [2.0]], variance=0.5).eval()
    one, other = (quantizer(torch.full((1, 1, 1, 1), value)).losses for value in (0.5, 1.7))
    both = quantizer(torch.tensor([0.5, 1.7, 0.5, 1.7]).view(2, 1, 2, 1)).losses
    for name in both:
        torch.testing.assert_close(both[name], (one[name] + other[name]) / 2)


@pytest.mark.parametrize("kind", ["gaussian", "vmf"])
def test_training_gives_the_decoder_a_mixture_drawn_with_gumbel_noise(kind, gumbel_noise):
    rows, tau, variance = torch.randn(6, 3), 0.7, 0.4
    quantizer = stochastic(rows.tolist(), kind=kind, variance=variance, temperature=tau)
    latents = torch.randn(2, 3, 4, 3)
    torch.manual_seed(5)
    out = quantizer(latents)
    torch.manual_seed(5)
    flat = latents.view(-1, 3)
    if kind == "gaussian":
        logits = -torch.cdist(flat, rows, compute_mode="donot_use_mm_for_euclid_dist").square() / (2 * variance)
    else:
        flat, rows = F.normalize(flat, dim=1), F.normalize(rows, dim=1)
        logits = flat @ rows.T / variance
    # |z|^2 is the same for all and falls out of a softmax.
    drawn = torch.softmax((logits + gumbel_noise((2, 3, 4, 6)).view(logits.shape)) / tau, 1) @ rows
    torch.testing.assert_close(out.latents.view(-1, 3), drawn)
    p = torch.softmax(logits, 1)
    torch.testing.assert_close(out.losses["kl_discrete"], (p * (p * 6).log()).sum(1).mean())
    distance = (flat - drawn).square().sum(1) / 2 if kind == "gaussian" else 1 - (flat * drawn).sum(1)
    torch.testing.assert_close(out.losses["kl_continuous"], distance.mean() / variance)


def test_variance_has_a_floor_and_is_learnt():
    quantizer = stochastic([[0.0], [2.0]], variance=0.5, variance_floor=1.0).eval()
    out = quantizer(torch.full((1, 1, 1, 1), 0.5))
    assert out.losses["kl_continuous"].item() == pytest.approx(0.25 / (2 * 1.5))
    # d/ds of 0.25 / (2 (1 + e^s)) at e^s = 0.5.
    (slope,) = torch.autograd.grad(out.losses["kl_continuous"], quantizer.log_variance)
    assert slope.item() == pytest.approx(-0.25 / 2 / 1.5**2 * 0.5)


def test_where_the_latents_fit_the_variance_shrinks():
    quantizer = stochastic([[-1.0], [1.0]], variance=1.0)
    latents = torch.tensor([-1.0, 1.0]).repeat(50).view(1, 10, 10, 1) + 0.05 * torch.randn(1, 10, 10, 1)
    # The paper's reconstruction term in its place: log of the squared error, half of it for each number.
    for _ in range(100):
        out = quantizer(latents)
        fit = 0.5 * F.mse_loss(out.latents, latents).log()
        loss = fit + sum(out.losses.values())
        (slope,) = torch.autograd.grad(loss, quantizer.log_variance)
        with torch.no_grad():
            quantizer.log_variance -= 0.1 * slope
    assert quantizer.log_variance.exp() < 0.5


def test_the_gradient_of_a_draw_reaches_latents_every_codevector_and_the_variance():
    quantizer = build("sq", dim=3, codebook_size=8, variance=2.0)
    latents = torch.randn(1, 4, 4, 3, requires_grad=True)
    (quantizer(latents).latents * torch.randn(1, 4, 4, 3)).sum().backward()
    assert latents.grad.any(-1).all()
    assert quantizer.weight.grad.any(-1).all() and quantizer.log_variance.grad


@pytest.mark.trap("T25", "sq")
@pytest.mark.parametrize("kind", ["gaussian", "vmf"])
def test_evaluation_draws_nothing(kind):
    """The likeliest codevector, always the same; training draws another mixture each time."""
    quantizer = build("sq", dim=4, codebook_size=16, kind=kind)
    latents = torch.randn(1, 5, 7, 4)
    assert not torch.equal(quantizer(latents).latents, quantizer(latents).latents)
    quantizer.eval()
    state = torch.get_rng_state()
    first, second = quantizer(latents), quantizer(latents)
    assert torch.equal(first.latents, second.latents) and torch.equal(first.indices, second.indices)
    assert torch.equal(torch.get_rng_state(), state), "nothing was drawn"
    assert torch.equal(first.latents, quantizer.decode(first.indices))


def test_temperature_falls_with_every_training_step_alone():
    quantizer = build("sq", dim=2, codebook_size=4, temperature=1.0, last_temperature=0.25, anneal_steps=2)
    latents = torch.randn(1, 2, 2, 2)
    quantizer.eval()(latents)
    assert quantizer.temperature.step == 0
    quantizer.train()(latents)
    quantizer.encode(latents)
    assert quantizer.temperature.step == 1
