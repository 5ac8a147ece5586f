"""Residual quantization by hand (traps: a gradient n times too large, levels whose commitment trains nothing)."""

import pytest
import torch
import torch.nn.functional as F

from vqzoo.quantizers import build
from vqzoo.quantizers.codebook import Codebook
from vqzoo.quantizers.nearest import NearestCodevector
from vqzoo.quantizers.residual import Residual


def level(*rows: list[float]) -> NearestCodevector:
    codebook = Codebook(len(rows), len(rows[0]))
    codebook.weight.data = torch.tensor(rows)
    return NearestCodevector(codebook)


def test_two_levels_by_hand():
    """4.4 -> 4, left over 0.4 -> 0.5; -1.2 -> 0, left over -1.2 -> -1."""
    quantizer = Residual([level([0.0], [4.0]), level([0.5], [-1.0])]).eval()
    out = quantizer(torch.tensor([4.4, -1.2]).view(1, 1, 2, 1))
    assert out.indices.tolist() == [[[[1, 0], [0, 1]]]]
    assert out.latents.flatten().tolist() == [4.5, -1.0]
    assert quantizer.decode(quantizer.first_levels(out.indices, 1)).flatten().tolist() == [4.0, 0.0]
    # Level 1: (0.4^2 + 1.2^2) / 2 = 0.8; level 2: (0.1^2 + 0.2^2) / 2 = 0.025; their mean.
    assert out.losses["commitment"].item() == pytest.approx(0.4125)
    assert out.losses["codebook"].item() == pytest.approx(0.4125)


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
@pytest.mark.parametrize("rule", ["gradient", "ema"])
@pytest.mark.parametrize("name", ["rvq", "rq"])
@pytest.mark.trap("T3", "rvq", "rq")
def test_the_jacobian_is_the_identity_at_any_depth(name, depth, rule):
    """Straight-through steps added up level by level would make it depth times that."""
    quantizer = build(name, dim=4, codebook_size=8, levels=depth, rule=rule)
    latents = torch.randn(1, 1, 2, 4)
    quantizer(latents)
    jacobian = torch.autograd.functional.jacobian(lambda z: quantizer(z).latents.flatten(), latents)
    assert torch.equal(jacobian.view(8, 8), torch.eye(8))


@pytest.mark.trap("T4", "rvq")
def test_commitment_of_the_second_level_reaches_the_latents():
    quantizer = Residual([level([0.0, 0.0], [4.0, 1.0]), level([0.5, 0.0], [-1.0, 1.0])]).eval()
    latents = torch.randn(1, 2, 3, 2, requires_grad=True)
    out = quantizer(latents)
    first = quantizer.levels[0].decode(out.indices[..., :1])
    second = 2 * out.losses["commitment"] - F.mse_loss(latents, first)
    (gradient,) = torch.autograd.grad(second, latents)
    left_over = latents.detach() - out.latents.detach()
    torch.testing.assert_close(gradient, 2 * left_over / latents.numel(), rtol=1e-4, atol=1e-6)
    assert gradient.abs().max() > 0.01


def test_the_gradient_of_the_commitment_is_the_slope_of_its_value():
    """Central differences are exact for a square, as long as no latent changes its codevector: checked."""
    quantizer = build("rvq", dim=4, codebook_size=8, levels=3, rule="gradient").eval()
    for each in quantizer.levels:
        each.codebook.weight.data.normal_()
    latents, direction, step = torch.randn(1, 1, 2, 4), torch.randn(1, 1, 2, 4), 1e-2
    sides = [quantizer(latents + sign * step * direction) for sign in (1, -1)]
    assert torch.equal(sides[0].indices, sides[1].indices)
    slope = (sides[0].losses["commitment"] - sides[1].losses["commitment"]) / (2 * step)
    latents.requires_grad_()
    (gradient,) = torch.autograd.grad(quantizer(latents).losses["commitment"], latents)
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-3, atol=1e-4)


def test_every_level_has_a_codebook_of_its_own():
    quantizer = build("rvq", dim=4, codebook_size=8, levels=3)
    assert quantizer.codebook_of == (0, 1, 2) and quantizer.index_sizes == (8, 8, 8)
    for _ in range(3):
        quantizer(torch.randn(1, 4, 4, 4))
    weights = [each.codebook.weight for each in quantizer.levels]
    assert not torch.equal(weights[0], weights[1]) and not torch.equal(weights[1], weights[2])


def test_levels_start_with_codevectors_that_differ():
    quantizer = build("rvq", dim=16, codebook_size=8, levels=4)
    quantizer(torch.randn(2, 16, 16, 16))
    for number, each in enumerate(quantizer.levels):
        assert len(each.codebook.weight.unique(dim=0)) == 8, f"level {number} starts with equal codevectors"


def test_every_level_brings_the_sum_nearer():
    """Each level's codebook starts as some of what the ones before left over, so none of them is idle."""
    quantizer = build("rvq", dim=4, codebook_size=32, levels=4)
    for _ in range(3):
        quantizer(torch.randn(4, 16, 16, 4))
    latents = torch.randn(4, 16, 16, 4)
    indices = quantizer.eval().encode(latents)
    total, errors = torch.zeros_like(latents), [latents.square().mean().item()]
    for column, each in enumerate(quantizer.levels):
        total = total + each.decode(indices[..., column : column + 1])
        errors.append(F.mse_loss(total, latents).item())
    assert all(after < 0.6 * before for before, after in zip(errors, errors[1:], strict=False)), errors


def test_levels_may_have_several_columns_and_share_codebooks():
    def looc() -> torch.nn.Module:
        return build("looc", dim=8, codebook_size=4, segments=2)

    quantizer = Residual([looc(), build("vq", dim=8, codebook_size=6), looc()]).eval()
    assert quantizer.index_sizes == (4, 4, 6, 4, 4) and quantizer.codebook_of == (0, 0, 1, 2, 2)
    latents = torch.randn(1, 3, 2, 8)
    assert torch.equal(quantizer.decode(quantizer.encode(latents)), quantizer(latents).latents)
