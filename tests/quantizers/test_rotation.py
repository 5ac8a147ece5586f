"""The rotation trick inside quantizers: the values of straight-through, and a gradient turned with the latent."""

from typing import Any

import pytest
import torch
from torch import Tensor

from vqzoo.quantizers import build

CASES: list[dict[str, Any]] = [
    {"name": "vq", "start": "normal"},
    {"name": "ema", "start": "normal"},
    {"name": "cvq"},
    {"name": "simvq"},
    {"name": "factorized", "code_dim": 4},
    {"name": "pq", "segments": 2, "start": "normal"},
    {"name": "rvq", "levels": 3, "start": "normal"},
    {"name": "rq", "levels": 3, "start": "normal"},
    {"name": "looc", "segments": 2, "factor": 2, "start": "normal"},
    {"name": "adaptive", "capacity": 64, "codebooks": 3},
]
LABELS = [case["name"] for case in CASES]


def pair(case: dict[str, Any]):
    """The same quantizer with either estimator, in evaluation mode, after a first batch to start from."""
    both = []
    for estimator in ("straight-through", "rotation"):
        torch.manual_seed(0)
        settings = {"dim": 8, "estimator": estimator, **case}
        if case["name"] != "adaptive":
            settings["codebook_size"] = 16
        quantizer = build(**settings)
        quantizer(torch.randn(2, 4, 6, 8))
        both.append(quantizer.eval())
    return both


@pytest.mark.parametrize("setting", CASES, ids=LABELS)
def test_values_are_those_of_straight_through(setting):
    straight, turned = pair(setting)
    latents = torch.randn(2, 4, 6, 8)
    assert torch.equal(straight(latents).latents, turned(latents).latents)
    assert torch.equal(straight(latents).indices, turned(latents).indices)


@pytest.mark.trap("T18", *LABELS)
@pytest.mark.parametrize("setting", CASES, ids=LABELS)
@pytest.mark.parametrize("size", [0.0, 1e-42, 1e-30, 1e-8])
def test_latents_at_zero_have_finite_gradients_and_exact_values(setting, size):
    _, turned = pair(setting)
    latents = (size * torch.randn(1, 4, 6, 8)).requires_grad_()
    out = turned(latents)
    objective = (out.latents * torch.randn(1, 4, 6, 8)).sum() + sum(out.losses.values())
    (gradient,) = torch.autograd.grad(objective, latents)
    assert torch.equal(out.latents, turned.decode(out.indices))
    assert gradient.isfinite().all()


def gradient_along(quantizer, latents: Tensor, direction: Tensor) -> Tensor:
    z = latents.clone().requires_grad_()
    return torch.autograd.grad(quantizer(z).latents, z, direction)[0]


@pytest.mark.parametrize("setting", CASES[:4] + CASES[6:9], ids=lambda setting: setting["name"])
def test_the_gradient_at_a_latent_is_as_long_as_its_output_is(setting):
    """One turn spans all levels and all averaging: |gradient| = |q| / |z| of the decoder's own."""
    straight, turned = pair(setting)
    latents, direction = torch.randn(2, 4, 6, 8), torch.randn(2, 4, 6, 8)
    assert torch.equal(gradient_along(straight, latents, direction), direction)
    actual = gradient_along(turned, latents, direction)
    stretch = turned(latents).latents.norm(dim=-1) / latents.norm(dim=-1)
    torch.testing.assert_close(actual.norm(dim=-1), stretch * direction.norm(dim=-1), rtol=1e-4, atol=1e-5)
    # Along its own codevector the decoder's wish becomes one along the latent.
    actual = gradient_along(turned, latents, turned(latents).latents.detach())
    expected = stretch[..., None] ** 2 * latents
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4)


def test_segments_turn_each_for_itself():
    _, turned = pair({"name": "pq", "segments": 2, "start": "normal"})
    latents, direction = torch.randn(2, 4, 6, 8), torch.randn(2, 4, 6, 8)
    actual = gradient_along(turned, latents, direction).unflatten(-1, (2, 4))
    quantized, z = (each.unflatten(-1, (2, 4)) for each in (turned(latents).latents, latents))
    stretch = quantized.norm(dim=-1) / z.norm(dim=-1)
    torch.testing.assert_close(actual.norm(dim=-1), stretch * direction.unflatten(-1, (2, 4)).norm(dim=-1))
