"""The straight-through step: the value of one tensor, the gradient of another."""

import torch

from vqzoo.ops.estimator import straight_through


def test_value_is_that_of_the_quantized_tensor_bit_for_bit():
    latents, quantized = 1000 * torch.randn(64, 64), torch.randn(64, 64)
    assert torch.equal(straight_through(latents, quantized), quantized)
    assert not torch.equal(latents + (quantized - latents), quantized), "the other form rounds, so this test can fail"


def test_gradient_goes_to_the_latents_alone():
    latents, quantized = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    direction = torch.randn(3, 4)
    straight_through(latents, quantized).backward(direction)
    assert torch.equal(latents.grad, direction)
    assert quantized.grad is None
