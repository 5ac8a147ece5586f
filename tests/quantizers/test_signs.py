"""Lookup-free and binary spherical quantization: against an independent one, by hand, and with up to 62 bits."""

import math

import pytest
import torch
import torch.nn.functional as F
from vector_quantize_pytorch import LFQ

from vqzoo.quantizers import build
from vqzoo.quantizers.projected import Projected


def reversed_bits(indices: torch.Tensor, bits: int) -> torch.Tensor:
    """The other one's first channel counts most, ours least."""
    return sum(((indices >> position) & 1) << (bits - 1 - position) for position in range(bits))


@pytest.mark.parametrize(("name", "bits"), [("lfq", 1), ("lfq", 4), ("lfq", 9), ("bsq", 4), ("bsq", 9)])
@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_agrees_with_an_independent_one(name, bits, temperature):
    quantizer = build(name, dim=bits, bits=bits, temperature=temperature)
    reference = LFQ(codebook_size=2**bits, spherical=name == "bsq", commitment_loss_weight=1.0).train()
    latents = torch.randn(1, 5, 20, bits) * (0.3 if name == "lfq" else 1.0)
    ours, theirs = latents.clone().requires_grad_(), latents.clone().requires_grad_()
    out = quantizer(ours)
    (values, indices, _), parts = reference(theirs[0], 1 / temperature, return_loss_breakdown=True)

    assert torch.equal(out.indices[0, ..., 0], reversed_bits(indices.long(), bits))
    torch.testing.assert_close(out.latents[0], values)
    torch.testing.assert_close(out.losses["commitment"], parts.commitment)
    # The other one cuts logarithms off at 1e-5.
    torch.testing.assert_close(out.losses["sample_entropy"], parts.per_sample_entropy, rtol=1e-2, atol=2e-3)
    deficit = bits * math.log(2) - parts.batch_entropy
    torch.testing.assert_close(out.losses["entropy_deficit"], deficit, rtol=1e-2, atol=2e-3)
    for mine, other in [
        (out.losses["commitment"], parts.commitment),
        (out.latents.square().sum(), values.square().sum()),
    ]:
        (our_gradient,) = torch.autograd.grad(mine, ours, retain_graph=True)
        (their_gradient,) = torch.autograd.grad(other, theirs, retain_graph=True)
        torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-3, atol=1e-5)


def test_lfq_by_hand():
    quantizer = build("lfq", dim=3, bits=3)
    latents = torch.tensor([[0.5, -2.0, 1e-9], [-1.0, 3.0, 0.0]]).view(1, 1, 2, 3)
    out = quantizer(latents)
    assert out.latents.view(2, 3).tolist() == [[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]]
    assert out.indices.flatten().tolist() == [5, 2]  # 1 + 4, and 2: exactly zero is not above zero
    # 0.25 + 1 + 1 and 0 + 4 + 1, over six numbers.
    assert out.losses["commitment"].item() == pytest.approx(7.25 / 6)


def test_bsq_by_hand():
    """Codevectors have length 1, and so have latents: (3, 4) is (0.6, 0.8)."""
    quantizer = build("bsq", dim=2, bits=2)
    out = quantizer(torch.tensor([[3.0, 4.0], [-4.0, 3.0]]).view(1, 1, 2, 2))
    side = 0.5**0.5
    torch.testing.assert_close(out.latents.view(2, 2), torch.tensor([[side, side], [-side, side]]))
    assert out.indices.flatten().tolist() == [3, 2]
    by_hand = ((0.6 - side) ** 2 + (0.8 - side) ** 2) / 2
    assert out.losses["commitment"].item() == pytest.approx(by_hand)


@pytest.mark.parametrize("bits", [2, 18, 36])
def test_codevectors_of_bsq_have_length_one_and_their_error_is_bounded(bits):
    quantizer = build("bsq", dim=bits, bits=bits)
    latents = 100 * torch.randn(1, 30, 30, bits)
    out = quantizer(latents)
    torch.testing.assert_close(out.latents.norm(dim=-1), torch.ones(1, 30, 30))
    assert torch.equal(out.latents > 0, latents > 0)
    errors = (out.latents - F.normalize(latents, dim=-1)).norm(dim=-1)
    assert (errors < (2 - 2 / bits**0.5) ** 0.5).all()


def test_the_gradient_of_bsq_only_turns_a_latent():
    """It passes the division by the length: for u = z / |z| that is (g - u (u.g)) / |z|."""
    latents = 3 * torch.randn(1, 2, 3, 5)
    direction = torch.randn_like(latents)
    latents.requires_grad_()
    (gradient,) = torch.autograd.grad(build("bsq", dim=5, bits=5)(latents).latents, latents, direction)
    z = latents.detach()
    unit = F.normalize(z, dim=-1)
    expected = (direction - unit * (unit * direction).sum(-1, keepdim=True)) / z.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.trap("T16", "lfq", "bsq")
@pytest.mark.parametrize("name", ["lfq", "bsq"])
@pytest.mark.parametrize("bits", [1, 8, 18, 24, 25, 36, 48, 53, 54, 61, 62])
def test_indices_come_back_at_any_number_of_bits(name, bits):
    """float32 has 24 bits and float64 53: above, an index made of products and sums of floats is another's."""
    quantizer = build(name, dim=bits, bits=bits)
    indices = torch.randint(2**bits, (1000,))
    indices[:4] = torch.tensor([0, 2**bits - 1, 2 ** (bits - 1), 1])
    indices = indices.view(1, 10, 100, 1)
    codes = quantizer.decode(indices)
    assert torch.equal(quantizer.encode(codes), indices)
    assert torch.equal(quantizer(codes).indices, indices)
    assert torch.equal(quantizer(3 * codes).latents, codes)
    by_hand = [
        [1.0 if number >> position & 1 else -1.0 for position in range(bits)] for number in indices.flatten().tolist()
    ]
    assert torch.equal(codes.sign().view(1000, bits), torch.tensor(by_hand))
    if bits > 24:
        floats = ((codes > 0).float() * 2.0 ** torch.arange(bits)).sum(-1).double().long()
        assert (floats != indices[..., 0]).any(), "float32 gets some wrong, so this test can fail"


def test_sixty_three_bits_are_too_many_and_sixty_two_are_not():
    for name in ("lfq", "bsq"):
        assert build(name, dim=62, bits=62).index_sizes == (2**62,)
        with pytest.raises(ValueError, match=r"bits=63: expected a whole number from 1 to 62"):
            build(name, dim=63, bits=63)


@pytest.mark.parametrize("name", ["lfq", "bsq"])
@pytest.mark.parametrize("bits", [10, 40])
def test_saturated_latents_have_finite_losses_and_gradients(name, bits):
    for size in (0.0, 1e-20, 1e3, 1e15):
        latents = (size * torch.randn(1, 4, 4, bits)).requires_grad_()
        out = build(name, dim=bits, bits=bits)(latents)
        (gradient,) = torch.autograd.grad(sum(out.losses.values()), latents)
        assert all(loss.isfinite() for loss in out.losses.values()) and gradient.isfinite().all()


def test_more_channels_than_bits_are_projected():
    for name in ("lfq", "bsq"):
        assert isinstance(build(name, dim=12, bits=8), Projected)
        assert not isinstance(build(name, dim=8, bits=8), Projected)
