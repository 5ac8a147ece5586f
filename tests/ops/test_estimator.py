"""Gradient estimators: the value of one tensor, the gradient of another, straight through or turned on its way."""

import pytest
import torch
from vector_quantize_pytorch.vector_quantize_pytorch import rotate_to

from vqzoo.ops.estimator import ESTIMATORS, rotation, straight_through

ROTATES = ("vq", "ema", "cvq", "pq", "rvq", "rq", "looc", "adaptive", "factorized", "simvq")
"""The quantizers that take an estimator."""


def jacobian(latent: torch.Tensor, quantized: torch.Tensor) -> torch.Tensor:
    return torch.autograd.functional.jacobian(lambda z: rotation(z, quantized), latent)


@pytest.mark.parametrize("estimate", ESTIMATORS.values(), ids=ESTIMATORS)
def test_value_is_that_of_the_quantized_tensor_bit_for_bit(estimate):
    latents, quantized = 1000 * torch.randn(64, 64), torch.randn(64, 64)
    assert torch.equal(estimate(latents, quantized), quantized)
    assert not torch.equal(latents + (quantized - latents), quantized), "the other form rounds, so this test can fail"


def test_gradient_goes_to_the_latents_alone():
    latents, quantized = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    direction = torch.randn(3, 4)
    straight_through(latents, quantized).backward(direction)
    assert torch.equal(latents.grad, direction)
    assert quantized.grad is None


def test_rotation_gives_the_quantized_tensor_no_gradient():
    latents, quantized = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    rotation(latents, quantized).sum().backward()
    assert latents.grad.any() and quantized.grad is None


def test_rotation_by_a_right_angle_by_hand():
    """(2, 0) to (0, 3): a quarter turn to the left and 3 / 2 as long."""
    turn = jacobian(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 3.0]))
    torch.testing.assert_close(turn, torch.tensor([[0.0, -1.5], [1.5, 0.0]]))
    latents = torch.tensor([[2.0, 0.0]], requires_grad=True)
    rotation(latents, torch.tensor([[0.0, 3.0]])).backward(torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(latents.grad, torch.tensor([[0.0, -1.5]]))


@pytest.mark.parametrize("dim", [2, 3, 8])
def test_rotation_is_a_turn_and_a_stretch_and_takes_the_latent_to_its_codevector(dim):
    latent, quantized = torch.randn(dim).double(), 3 * torch.randn(dim).double()
    turn = jacobian(latent, quantized)
    stretch = quantized.norm() / latent.norm()
    torch.testing.assert_close(turn @ latent, quantized)
    torch.testing.assert_close(turn.T @ turn, stretch**2 * torch.eye(dim).double())
    torch.testing.assert_close(torch.linalg.det(turn), stretch**dim)  # not a reflection, whose sign is another
    # What is at right angles to both is not turned.
    aside = torch.linalg.qr(torch.stack([latent, quantized], 1), mode="complete").Q[:, 2:]
    torch.testing.assert_close(turn @ aside, stretch * aside)


def test_rotation_agrees_with_an_independent_one():
    latents, quantized, direction = torch.randn(200, 6), torch.randn(200, 6), torch.randn(200, 6)
    gradients = []
    for each in (rotation, rotate_to):
        z = latents.clone().requires_grad_()
        each(z, quantized).backward(direction)
        gradients.append(z.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-4)


@pytest.mark.trap("T18", *ROTATES)
@pytest.mark.parametrize("length", [0.0, 1e-45, 1e-38, 1e-30, 1e-20, 1e-10, 1e-7])
def test_rotation_of_a_latent_near_zero_passes_straight_through(length):
    latents = torch.zeros(2, 3)
    latents[:, 1] = length
    quantized = torch.tensor([[3.0, 0.0, -4.0], [1.0, 2.0, 2.0]])
    latents.requires_grad_()
    out = rotation(latents, quantized)
    direction = torch.randn(2, 3)
    (gradient,) = torch.autograd.grad(out, latents, direction)
    assert torch.equal(out, quantized)
    assert torch.equal(gradient, direction)


@pytest.mark.trap("T18", *ROTATES)
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e6, 1e15])
def test_rotation_is_finite_at_every_length(scale):
    """|q| / |z| is the whole stretch; opposite directions have no middle to turn about, and stay within bounds, too."""
    latents = scale * torch.randn(100, 5)
    for quantized in (0.7 * latents, -2 * latents, latents.roll(1, 0), torch.zeros_like(latents)):
        z = latents.clone().requires_grad_()
        out = rotation(z, quantized)
        direction = torch.randn(100, 5)
        (gradient,) = torch.autograd.grad(out, z, direction)
        assert torch.equal(out, quantized)
        stretch = quantized.norm(dim=1) / latents.norm(dim=1)
        if scale > 1e-20:  # below, float32 cannot say how long a latent is
            assert (gradient.norm(dim=1) <= 3.001 * stretch * direction.norm(dim=1)).all()
        assert gradient.isfinite().all()


@pytest.mark.trap("T18", *ROTATES)
def test_rotation_of_zero_to_zero_is_no_number_gone_wrong():
    latents = torch.zeros(1, 4, requires_grad=True)
    out = rotation(latents, torch.zeros(1, 4))
    out.sum().backward()
    assert torch.equal(out, torch.zeros(1, 4)) and latents.grad.isfinite().all()
