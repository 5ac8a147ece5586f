"""Gumbel-softmax: its divergence by hand, mixtures or hard choices in training, and always hard ones in evaluation."""

import math

import pytest
import torch
from torch import Tensor

from vqzoo.quantizers import build


def gumbel(**settings):
    return build("gumbel", **{"dim": 3, "codebook_size": 5, **settings})


def by_hand(quantizer, latents: Tensor) -> Tensor:
    return latents @ quantizer.logits.weight.T + quantizer.logits.bias


@pytest.mark.trap("T39", "gumbel")
def test_divergence_by_hand():
    """Logits 0 and log 3: p = 1/4 and 3/4, against a half each; in nats, per latent."""
    quantizer = gumbel(dim=1, codebook_size=2)
    quantizer.logits.weight.data.zero_()
    quantizer.logits.bias.data = torch.tensor([0.0, math.log(3)])
    expected = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    for shape in [(1, 1, 1, 1), (2, 3, 4, 1)]:
        for training in (True, False):
            kl = quantizer.train(training)(torch.randn(shape)).losses["kl"]
            assert kl.item() == pytest.approx(expected)
    quantizer.logits.bias.data.zero_()
    assert quantizer(torch.randn(1, 2, 2, 1)).losses["kl"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("tau", [1.0, 0.3])
def test_training_gives_the_decoder_a_mixture(tau, gumbel_noise):
    quantizer, latents = gumbel(temperature=tau), torch.randn(2, 3, 4, 3)
    torch.manual_seed(5)
    out = quantizer(latents)
    torch.manual_seed(5)
    logits = by_hand(quantizer, latents)
    torch.testing.assert_close(
        out.latents, torch.softmax((logits + gumbel_noise(logits.shape)) / tau, -1) @ quantizer.weight
    )


def test_hard_training_gives_one_codevector_with_the_gradient_of_the_mixture(gumbel_noise):
    quantizer, latents = gumbel(hard=True, temperature=0.5), torch.randn(2, 3, 4, 3)
    direction = torch.randn(2, 3, 4, 3)
    torch.manual_seed(5)
    out = quantizer(latents).latents
    torch.manual_seed(5)
    logits = by_hand(quantizer, latents)
    soft = torch.softmax((logits + gumbel_noise(logits.shape)) / 0.5, -1)
    torch.testing.assert_close(out, quantizer.weight[soft.argmax(-1)])
    parameters = list(quantizer.logits.parameters())
    actual = torch.autograd.grad(out, parameters, direction)
    expected = torch.autograd.grad(soft @ quantizer.weight.detach(), parameters, direction)
    torch.testing.assert_close(actual, expected)


@pytest.mark.trap("T25", "gumbel")
@pytest.mark.trap("T39", "gumbel")
@pytest.mark.parametrize("hard", [True, False])
def test_evaluation_is_hard_and_draws_nothing(hard):
    quantizer, latents = gumbel(hard=hard), torch.randn(2, 3, 4, 3)
    assert not torch.equal(quantizer(latents).latents, quantizer(latents).latents)
    quantizer.eval()
    state = torch.get_rng_state()
    out = quantizer(latents)
    assert torch.equal(torch.get_rng_state(), state), "nothing was drawn"
    logits = by_hand(quantizer, latents)
    assert torch.equal(out.indices[..., 0], logits.argmax(-1))
    assert torch.equal(out.latents, quantizer.weight[logits.argmax(-1)])


def test_the_gradient_in_evaluation_is_that_of_the_likely_mixture():
    quantizer, latents = gumbel().eval(), torch.randn(2, 3, 4, 3, requires_grad=True)
    direction = torch.randn(2, 3, 4, 3)
    (actual,) = torch.autograd.grad(quantizer(latents).latents, latents, direction)
    mixture = torch.softmax(by_hand(quantizer, latents), -1) @ quantizer.weight
    torch.testing.assert_close(actual, torch.autograd.grad(mixture, latents, direction)[0])


def test_every_codevector_and_logit_learns_at_every_step():
    quantizer = gumbel(codebook_size=32)
    quantizer(torch.randn(1, 2, 2, 3)).latents.sum().backward()
    assert quantizer.weight.grad.any(-1).all() and quantizer.logits.bias.grad.all()


def test_temperature_falls_while_training(gumbel_noise):
    quantizer = gumbel(temperature=4.0, last_temperature=1.0, anneal_steps=2)
    latents, actual = torch.randn(1, 8, 8, 3), []
    for _ in range(4):
        torch.manual_seed(5)
        out = quantizer(latents).latents
        for tau in (4.0, 2.0, 1.0):
            torch.manual_seed(5)
            logits = by_hand(quantizer, latents)
            if torch.allclose(
                out, torch.softmax((logits + gumbel_noise(logits.shape)) / tau, -1) @ quantizer.weight, atol=1e-5
            ):
                actual.append(tau)
    assert actual == [4.0, 2.0, 1.0, 1.0]
    quantizer.eval()(latents)
    assert quantizer.temperature.step == 4
