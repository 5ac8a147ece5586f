"""SimVQ: a frozen codebook seen through a learnt linear map, against an independent one and by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from vector_quantize_pytorch import SimVQ

from vqzoo.quantizers import build


def pair(bias: bool = False):
    """Ours and the other one with the same weights."""
    ours = build("simvq", dim=6, codebook_size=20, bias=bias)
    theirs = SimVQ(6, 20, codebook_transform=nn.Linear(6, 6, bias=bias), rotation_trick=False)
    theirs.frozen_codebook.copy_(ours.codebook.frozen)
    theirs.code_transform.load_state_dict(ours.codebook.transform.state_dict())
    return ours, theirs


@pytest.mark.parametrize("bias", [False, True])
def test_agrees_with_an_independent_one(bias):
    ours, theirs = pair(bias)
    one = torch.randn(2, 15, 6, requires_grad=True)
    other = one.detach().clone().requires_grad_()
    out = ours(one[None])
    values, indices, loss = theirs(other)
    assert torch.equal(out.indices[0, ..., 0], indices) and len(indices.unique()) > 5
    torch.testing.assert_close(out.latents[0], values)
    weighted = out.losses["codebook"] + 0.25 * out.losses["commitment"]
    torch.testing.assert_close(weighted, loss)
    wish = torch.randn(2, 15, 6)
    ((out.latents[0] * wish).sum() + weighted).backward()
    ((values * wish).sum() + loss).backward()
    torch.testing.assert_close(one.grad, other.grad)
    for mine, their in zip(ours.codebook.transform.parameters(), theirs.code_transform.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, their.grad)


def test_by_hand():
    """W doubles and swaps: (1, 0) is seen as (0, 2), (0, 1) as (2, 0)."""
    quantizer = build("simvq", dim=2, codebook_size=2)
    quantizer.codebook.frozen.copy_(torch.eye(2))
    quantizer.codebook.transform.weight.data = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    out = quantizer(torch.tensor([1.5, 0.5]).view(1, 1, 1, 2))
    assert out.indices.item() == 1 and out.latents.flatten().tolist() == [2.0, 0.0]
    assert out.losses["codebook"].item() == out.losses["commitment"].item() == 0.25


@pytest.mark.trap("T19", "simvq")
@pytest.mark.parametrize("bias", [False, True])
def test_decode_sees_codevectors_through_the_linear_map(bias):
    quantizer = build("simvq", dim=6, codebook_size=20, bias=bias).eval()
    latents = torch.randn(1, 3, 5, 6)
    indices = quantizer.encode(latents)
    frozen = F.embedding(indices[..., 0], quantizer.codebook.frozen)
    decoded = quantizer.decode(indices)
    torch.testing.assert_close(decoded, quantizer.codebook.transform(frozen))
    assert torch.equal(decoded, quantizer(latents).latents)
    assert (decoded - frozen).abs().max() > 0.1, "the map is not the identity, so this test can fail"


def test_the_frozen_codebook_stays_and_every_codevector_moves():
    quantizer = build("simvq", dim=4, codebook_size=64)
    frozen, before = quantizer.codebook.frozen.clone(), quantizer.codebook.codevectors().detach().clone()
    optimizer = torch.optim.SGD(quantizer.parameters(), 0.1)
    out = quantizer(torch.randn(1, 1, 3, 4))  # at most three are chosen
    out.losses["codebook"].backward()
    optimizer.step()
    assert torch.equal(quantizer.codebook.frozen, frozen) and "codebook.frozen" in quantizer.state_dict()
    assert (quantizer.codebook.codevectors() != before).any(-1).all()


def test_codevectors_start_about_as_long_as_one():
    frozen = build("simvq", dim=64, codebook_size=1024).codebook.frozen
    assert frozen.square().sum(1).mean().item() == pytest.approx(1, abs=0.05)
