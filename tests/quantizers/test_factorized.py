"""Projection to few dimensions and codevectors on a sphere, by hand, and which gradient reaches the latents."""

import pytest
import torch
import torch.nn.functional as F

from vqzoo.quantizers import build
from vqzoo.quantizers.codebook import UnitCodebook
from vqzoo.quantizers.nearest import NearestCodevector
from vqzoo.quantizers.projected import Projected
from vqzoo.quantizers.spherical import Spherical


def spherical(through: str = "normalised", codebook_size: int = 12) -> Spherical:
    return Spherical(NearestCodevector(UnitCodebook(codebook_size, 5, "normal")), through)


def test_projections_by_hand():
    """Down to the sum of both channels, nearest of 0 and 10, up to (e + 1, 2 e)."""
    inner = build("vq", dim=1, codebook_size=2, start="uniform", revival="none")
    inner.codebook.weight.data = torch.tensor([[0.0], [10.0]])
    quantizer = Projected(inner, 2)
    quantizer.down.weight.data, quantizer.down.bias.data = torch.tensor([[1.0, 1.0]]), torch.tensor([0.5])
    quantizer.up.weight.data, quantizer.up.bias.data = torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 0.0])
    out = quantizer(torch.tensor([[3.0, 4.0], [1.0, 1.0]]).view(1, 1, 2, 2))
    assert out.indices.flatten().tolist() == [1, 0]
    assert out.latents.view(2, 2).tolist() == [[11.0, 20.0], [1.0, 0.0]]
    # Losses are those of the inner space: 7.5 from 10 and 2.5 from 0.
    assert out.losses["commitment"].item() == 6.25


@pytest.mark.trap("T19", "adaptive", "factorized", "fsq", "lfq", "bsq")
def test_indices_alone_give_the_latents_back_through_the_projection():
    quantizer = build("factorized", dim=7, codebook_size=16, code_dim=3).eval()
    latents = torch.randn(1, 4, 5, 7)
    out = quantizer(latents)
    codevectors = F.normalize(quantizer.quantizer.quantizer.codebook.weight, dim=1)[out.indices[..., 0]]
    torch.testing.assert_close(
        quantizer.decode(out.indices), F.linear(codevectors, quantizer.up.weight, quantizer.up.bias)
    )
    assert torch.equal(quantizer.decode(out.indices), out.latents)


def test_the_smallest_angle_decides_and_codevectors_have_length_one():
    quantizer = spherical().eval()
    latents = 10 * torch.rand(1, 6, 7, 1) * torch.randn(1, 6, 7, 5)
    codebook = quantizer.quantizer.codebook
    codebook.weight.data *= torch.rand(12, 1) + 0.1  # lengths count for nothing
    cosines = F.cosine_similarity(latents[..., None, :], codebook.weight, dim=-1)
    out = quantizer(latents)
    assert torch.equal(out.indices[..., 0], cosines.argmax(-1))
    torch.testing.assert_close(out.latents.norm(dim=-1), torch.ones(1, 6, 7))
    # |u - e|^2 = 2 - 2 cos, five numbers each.
    torch.testing.assert_close(out.losses["commitment"], (2 - 2 * cosines.amax(-1)).mean() / 5)
    torch.testing.assert_close(out.losses["codebook"], out.losses["commitment"])
    assert torch.equal(quantizer.encode(1e3 * latents), out.indices)


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_through_the_division_only_turns_a_latent(training):
    """For u = z / |z| it is (g - u (u.g)) / |z|."""
    latents, direction = 3 * torch.randn(1, 2, 3, 5), torch.randn(1, 2, 3, 5)
    z = latents.clone().requires_grad_()
    (actual,) = torch.autograd.grad(spherical().train(training)(z).latents, z, direction)
    unit = F.normalize(latents, dim=-1)
    expected = (direction - unit * (unit * direction).sum(-1, keepdim=True)) / latents.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("training", [True, False])
def test_the_raw_gradient_reaches_a_latent_as_it_is(training):
    latents, direction = 3 * torch.randn(1, 2, 3, 5, requires_grad=True), torch.randn(1, 2, 3, 5)
    latents.retain_grad()
    out = spherical("raw").train(training)(latents)
    (actual,) = torch.autograd.grad(out.latents, latents, direction, retain_graph=True)
    assert torch.equal(actual, direction)
    # The commitment is of the unit sphere in either case.
    (pull,) = torch.autograd.grad(out.losses["commitment"], latents)
    assert (pull * latents).sum(-1).abs().max() < 1e-6 and pull.any()


def test_both_gradients_come_with_the_same_values():
    values = []
    for through in ("normalised", "raw"):
        torch.manual_seed(1)
        out = spherical(through)(torch.randn(1, 4, 4, 5))
        values.append((out.latents, out.indices, *out.losses.values()))
    assert all(torch.equal(one, other) for one, other in zip(*values, strict=True))


def test_a_codevector_only_turns():
    """The gradient of its direction is at right angles to it."""
    quantizer = spherical()
    quantizer(torch.randn(1, 8, 8, 5)).losses["codebook"].backward()
    weight = quantizer.quantizer.codebook.weight
    assert weight.grad.any() and (weight.grad * weight).sum(1).abs().max() < 1e-6


@pytest.mark.trap("T38", "factorized")
@pytest.mark.parametrize("revival", ["none", "restart", "closest", "random", "probrandom"])
def test_training_goes_on_with_more_latents_than_65536(revival):
    """No buffer of a fixed size, and no leaf that is written to while its gradient is being computed."""
    quantizer = build("factorized", dim=4, codebook_size=8, code_dim=2, revival=revival)
    optimizer = torch.optim.Adam(quantizer.parameters(), 1e-2)
    for _ in range(2):
        out = quantizer(torch.randn(2, 160, 220, 4))
        optimizer.zero_grad()
        (out.latents.square().mean() + out.losses["codebook"] + out.losses["commitment"]).backward()
        optimizer.step()
    assert out.indices.shape == (2, 160, 220, 1)
    assert all(parameter.isfinite().all() for parameter in quantizer.parameters())
