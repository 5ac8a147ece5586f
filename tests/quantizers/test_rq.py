"""Residual quantization with one codebook for all depths (traps: learnt once a depth, commitments without gradient)."""

import pytest
import torch

from vqzoo.quantizers import Quantized, build
from vqzoo.quantizers.residual import SharedResidual


def line(values: list[float], depth: int, **settings) -> SharedResidual:
    """Codevectors on a line."""
    quantizer = build("rq", dim=1, codebook_size=len(values), levels=depth, **settings)
    quantizer.level.codebook.weight.data = torch.tensor(values)[:, None]
    if hasattr(quantizer.level.codebook, "started"):
        quantizer.level.codebook.started.fill_(True)
    return quantizer


def two_depths() -> tuple[torch.Tensor, Quantized]:
    latents = torch.tensor([4.4, -1.2]).view(1, 1, 2, 1).requires_grad_()
    return latents, line([0.5, 4.0, -1.0], 2, rule="gradient").eval()(latents)


def test_two_depths_by_hand():
    """4.4 -> 4, left over 0.4 -> 0.5: 4.5. -1.2 -> -1, left over -0.2 -> 0.5 (0.7 away; -1 is 0.8): -0.5."""
    latents, out = two_depths()
    assert out.indices.tolist() == [[[[1, 0], [2, 0]]]]
    assert out.latents.flatten().tolist() == [4.5, -0.5]


@pytest.mark.trap("T4", "rq")
def test_the_commitment_is_that_of_the_sum_so_far_at_every_depth():
    """Depth 1: (0.4^2 + 0.2^2) / 2 = 0.1; depth 2: (0.1^2 + 0.7^2) / 2 = 0.25; their mean. Its gradient: by hand
    (2 x 0.4 + 2 x -0.1) / 4 = 0.15 and (2 x -0.2 + 2 x -0.7) / 4 = -0.45; depth 1 alone would give 0.4 and -0.2."""
    latents, out = two_depths()
    assert out.losses["commitment"].item() == pytest.approx(0.175)
    assert out.losses["codebook"].item() == pytest.approx(0.175)
    (gradient,) = torch.autograd.grad(out.losses["commitment"], latents)
    assert gradient.flatten().tolist() == pytest.approx([0.15, -0.45], abs=1e-6)


def test_one_codebook_for_all_depths():
    quantizer = build("rq", dim=8, codebook_size=16, levels=4, rule="gradient")
    assert sum(parameter.numel() for parameter in quantizer.parameters()) == 16 * 8
    assert quantizer.index_sizes == (16,) * 4 and quantizer.codebook_of == (0,) * 4
    indices = quantizer.encode(torch.randn(1, 3, 5, 8))
    assert indices.shape == (1, 3, 5, 4) and quantizer.bits(indices).item() == 3 * 5 * 4 * 4


@pytest.mark.trap("T23", "rq")
def test_the_codebook_learns_once_a_step_from_all_depths_together():
    """decay 0.99, latents 4.4 and -1.2, codevectors 0.5, 4, -1: the second depth finds the codebook as the first did.

    The residuals 0.4 and -0.2 chose 0.5, 4.4 chose 4 and -1.2 chose -1. Counts: 0.99 + 0.01 x (2, 1, 1).
    Places: (0.99 x 0.5 + 0.01 x 0.2) / 1.01 = 0.492079, (0.99 x 4 + 0.01 x 4.4) / 1 = 4.004, and -1.002.
    """
    quantizer = line([0.5, 4.0, -1.0], 2, revival="none")
    codebook = quantizer.level.codebook
    out = quantizer(torch.tensor([4.4, -1.2]).view(1, 1, 2, 1))
    assert out.latents.flatten().tolist() == [4.5, -0.5], "all depths see the codebook of before the step"
    assert codebook.counts.tolist() == pytest.approx([1.01, 1.0, 1.0])
    assert codebook.weight.flatten().tolist() == pytest.approx([0.497 / 1.01, 4.004, -1.002])


@pytest.mark.trap("T23", "rq")
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_step_counts_as_one_step_at_any_depth(depth):
    """The moving share forgets a hundredth a step and sums to one; the moving counts get depth times the latents."""
    quantizer = build("rq", dim=4, codebook_size=8, levels=depth)
    codebook = quantizer.level.codebook
    for step in range(1, 4):
        quantizer(torch.randn(1, 5, 6, 4))
        assert codebook.counts.sum().item() == pytest.approx(8 * 0.99**step + 30 * depth * (1 - 0.99**step), rel=1e-5)
        assert codebook.usage.sum().item() == pytest.approx(1, rel=1e-5)


@pytest.mark.trap("T23", "rq")
def test_the_codebooks_gradient_is_that_of_all_depths_together():
    quantizer = line([0.5, 4.0, -1.0], 2, rule="gradient", revival="none")
    out = quantizer(torch.tensor([4.4, -1.2]).view(1, 1, 2, 1))
    (gradient,) = torch.autograd.grad(out.losses["codebook"], quantizer.level.codebook.weight)
    # 0.5 was chosen by 0.4 and -0.2: 2 (0.1 + 0.7) / 4; 4 by 4.4 and -1 by -1.2: -2 x 0.4 / 4, 2 x 0.2 / 4.
    assert gradient.flatten().tolist() == pytest.approx([0.4, -0.2, 0.1], abs=1e-6)


@pytest.mark.trap("T7", "rq")
def test_a_restart_draws_among_the_residuals_of_all_depths():
    """Forty restarts of one far codevector: residuals of both depths are among what it was moved to."""
    seen = set()
    quantizer = line([0.5, 4.0, 99.0], 2)
    codebook = quantizer.level.codebook
    for _ in range(40):
        codebook.weight.copy_(torch.tensor([[0.5], [4.0], [99.0]]))
        codebook.usage[:] = torch.tensor([0.5, 0.5, 0.0])
        quantizer(torch.tensor([4.4, 1.2]).view(1, 1, 2, 1))
        seen.add(round(codebook.weight[2].item(), 4))
    # 4.4 -> 4 leaves 0.4; 1.2 -> 0.5 leaves 0.7.
    assert seen == {4.4, 1.2, 0.4, 0.7}


def test_depth_one_is_the_plain_quantizer():
    plain = build("ema", dim=4, codebook_size=8, start="latents", revival="none")
    shared = build("rq", dim=4, codebook_size=8, levels=1, revival="none")
    for _ in range(3):
        latents = torch.randn(1, 5, 6, 4)
        one, other = plain(latents), shared(latents)
        assert torch.equal(one.latents, other.latents) and torch.equal(one.indices, other.indices)
        assert torch.equal(one.losses["commitment"], other.losses["commitment"])
    assert torch.equal(plain.codebook.weight, shared.level.codebook.weight)


def test_every_depth_brings_the_sum_nearer():
    quantizer = build("rq", dim=2, codebook_size=64, levels=3, start="kmeans")
    for _ in range(20):
        quantizer(torch.randn(1, 24, 24, 2))
    latents = torch.randn(1, 24, 24, 2)
    indices = quantizer.eval().encode(latents)
    parts = [quantizer.level.decode(column) for column in indices.split(1, -1)]
    errors = [(latents - sum(parts[:depth])).square().mean().item() for depth in (1, 2, 3)]
    assert errors[2] < errors[1] < errors[0], errors
