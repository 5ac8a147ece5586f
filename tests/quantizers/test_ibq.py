"""Index backpropagation against the definition of it: onehot = hard + p - sg(p), q = onehot E."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.quantizers import build


def by_hand(latents: Tensor, codebook: Tensor) -> Tensor:
    logits = latents @ codebook.T
    p = torch.softmax(logits, -1)
    onehot = F.one_hot(logits.argmax(-1), len(codebook)) + p - p.detach()
    return onehot @ codebook


@pytest.fixture(params=["one tile", "several tiles"])
def tiles(request, monkeypatch):
    if request.param == "several tiles":  # of 64 latents, the smallest; here are 150
        monkeypatch.setattr("vqzoo.ops.tiles._TILE", 1)


def setting(**settings):
    quantizer = build("ibq", dim=4, codebook_size=12, **settings)
    quantizer.weight.data *= 0.5  # so that the choices are soft enough for their gradients to count
    return quantizer, torch.randn(2, 5, 15, 4, requires_grad=True)


@pytest.mark.parametrize("training", [True, False])
def test_values_and_gradients_agree_with_the_definition(tiles, training):
    quantizer, latents = setting()
    direction = torch.randn(2, 5, 15, 4)
    out = quantizer.train(training)(latents)
    expected = by_hand(latents, quantizer.weight)
    torch.testing.assert_close(out.latents, expected)
    actual = torch.autograd.grad(out.latents, [latents, quantizer.weight], direction)
    torch.testing.assert_close(actual, torch.autograd.grad(expected, [latents, quantizer.weight], direction))
    assert actual[1].any(-1).all(), "every codevector has a gradient, chosen or not"


def test_losses_and_their_gradients_agree_with_the_definition(tiles):
    quantizer, latents = setting(entropy_temperature=0.5)
    inputs = [latents, quantizer.weight]
    losses = quantizer(latents).losses
    chosen = quantizer.weight[(latents @ quantizer.weight.T).argmax(-1)]
    choice = torch.distributions.Categorical(logits=latents @ quantizer.weight.T / 0.5)
    mean = torch.distributions.Categorical(probs=choice.probs.flatten(0, 2).mean(0))
    expected = {
        "index": (by_hand(latents, quantizer.weight) - latents).square().mean(),
        "commitment": (chosen.detach() - latents).square().mean(),
        "codebook": (chosen - latents.detach()).square().mean(),
        "sample_entropy": choice.entropy().mean(),
        "entropy_deficit": torch.tensor(12.0).log() - mean.entropy(),
    }
    assert losses.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(losses[name], expected[name], rtol=1e-4, atol=1e-5)
        pair = [
            torch.autograd.grad(each[name], inputs, retain_graph=True, allow_unused=True) for each in (losses, expected)
        ]
        for mine, other in zip(*pair, strict=True):
            assert (mine is None) == (other is None), name
            if mine is not None:
                torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-6)


def test_the_largest_product_decides_not_the_nearest():
    quantizer = build("ibq", dim=2, codebook_size=2)
    quantizer.weight.data = torch.tensor([[1.0, 0.0], [9.0, 0.0]])
    out = quantizer(torch.tensor([1.0, 0.0]).view(1, 1, 1, 2))
    assert out.indices.item() == 1 and out.latents.flatten().tolist() == [9.0, 0.0]


def test_without_a_temperature_there_are_no_entropies():
    quantizer, latents = setting(entropy_temperature=0.0)
    assert set(quantizer(latents).losses) == {"index", "commitment", "codebook"}


def test_values_are_codevectors_bit_for_bit():
    quantizer, latents = setting()
    out = quantizer(1000 * latents)
    assert torch.equal(out.latents, quantizer.weight[out.indices[..., 0]])


def test_no_gradient_is_asked_for_in_evaluation():
    quantizer, latents = setting()
    with torch.no_grad():
        without = quantizer.eval()(latents)
    out = quantizer(latents)
    assert torch.equal(without.latents, out.latents)
    assert all(torch.equal(without.losses[name], out.losses[name]) for name in out.losses)
