"""Entropies of soft choices against the full (n, K) matrix that they avoid."""

import math

import pytest
import torch
from torch import Tensor

from vqzoo.ops import entropy, tiles
from vqzoo.ops.entropy import bit_entropies, soft_entropies


def dense(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The two entropies of softmax(logits (n, k)), straight from their definitions."""
    choice = torch.distributions.Categorical(logits=logits)
    mean = torch.distributions.Categorical(probs=choice.probs.mean(0))
    return choice.entropy().mean(), math.log(logits.shape[1]) - mean.entropy()


def dense_bits(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The same over all 2^bits codes; bit i of a code counts 2^i."""
    bits = logits.shape[1]
    codes = (torch.arange(2**bits)[:, None] >> torch.arange(bits)) & 1
    return dense(logits @ codes.to(logits).T)


def gradients(numbers: tuple[Tensor, Tensor], inputs: list[Tensor]) -> list[Tensor]:
    """Both numbers' gradients, weighed differently so that neither can stand in for the other."""
    return list(torch.autograd.grad(numbers[0] + 3 * numbers[1], inputs))


@pytest.mark.trap("T37", "vq", "ema", "factorized", "simvq", "ibq")
@pytest.mark.parametrize("tile", [1, 2**22])
@pytest.mark.parametrize("scale", [0.5, 20.0])
def test_soft_entropies_and_their_gradients_agree_with_the_dense_ones(tile, scale, monkeypatch):
    monkeypatch.setattr(tiles, "_TILE", tile)  # 64 latents at least, so 200 make four tiles
    inputs = [each.double().requires_grad_() for each in (torch.randn(200, 3), torch.randn(7, 3), torch.randn(7))]
    latents, codebook, bias = inputs
    actual, expected = soft_entropies(*inputs, scale), dense(scale * (latents @ codebook.T + bias))
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(gradients(actual, inputs), gradients(expected, inputs))
    with torch.no_grad():
        torch.testing.assert_close(soft_entropies(*inputs, scale), expected)


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8])
def test_bit_entropies_and_their_gradients_agree_with_the_dense_ones(bits):
    logits = (2 * torch.randn(40, bits)).double().requires_grad_()
    actual, expected = bit_entropies(logits), dense_bits(logits)
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(gradients(actual, [logits]), gradients(expected, [logits]))


def test_more_bits_than_are_held_are_cut_into_groups(monkeypatch):
    monkeypatch.setattr(entropy, "_JOINT_BITS", 3)
    logits = (2 * torch.randn(40, 7)).double()
    sample_entropy, deficit = bit_entropies(logits)
    torch.testing.assert_close(sample_entropy, dense_bits(logits)[0])
    groups = [logits[:, :3], logits[:, 3:5], logits[:, 5:]]
    torch.testing.assert_close(deficit, torch.stack([dense_bits(group)[1] for group in groups]).sum())


def test_by_hand():
    """Two latents that are sure of opposite codes: no entropy each, an even use of two codes in four."""
    sample_entropy, deficit = bit_entropies(torch.tensor([[1e4, 1e4], [-1e4, -1e4]]))
    assert sample_entropy.item() == pytest.approx(0, abs=1e-6)
    assert deficit.item() == pytest.approx(math.log(4) - math.log(2))
    # One that does not care: the highest entropy, and every code as often.
    sample_entropy, deficit = bit_entropies(torch.zeros(1, 2))
    assert sample_entropy.item() == pytest.approx(math.log(4))
    assert deficit.item() == pytest.approx(0, abs=1e-6)
    sample_entropy, deficit = soft_entropies(torch.zeros(5, 1), torch.zeros(3, 1), torch.zeros(3), 1.0)
    assert sample_entropy.item() == pytest.approx(math.log(3))
    assert deficit.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [50.0, 200.0, 1e4, 1e10])
def test_sure_choices_have_finite_gradients(size):
    logits = (size * torch.randn(30, 20).sign()).requires_grad_()
    numbers = bit_entropies(logits)
    assert all(number.isfinite() for number in numbers)
    assert all(gradient.isfinite().all() for gradient in gradients(numbers, [logits]))

    latents = torch.randn(30, 4).requires_grad_()
    codebook = torch.randn(9, 4).requires_grad_()
    bias = torch.zeros(9)
    numbers = soft_entropies(latents, codebook, bias, size)
    assert all(number.isfinite() for number in numbers)
    assert all(gradient.isfinite().all() for gradient in gradients(numbers, [latents, codebook]))


@pytest.mark.trap("T10", "lfq", "bsq", "vq", "ema", "factorized", "simvq", "ibq")
@pytest.mark.parametrize("kind", ["bits", "soft"])
def test_the_mean_over_processes_is_the_one_that_counts(kind, monkeypatch):
    """Half of a batch, with a stand-in for the other process: the deficit must be that of the whole batch."""
    codebook, bias = torch.randn(16, 4), torch.randn(16)

    def numbers(part: Tensor) -> tuple[Tensor, Tensor]:
        return bit_entropies(part) if kind == "bits" else soft_entropies(part, codebook, bias, 3.0)

    here, there = 3 * torch.randn(20, 4) + 2, 3 * torch.randn(20, 4) - 2
    seen: list[Tensor] = []
    monkeypatch.setattr(entropy, "all_mean", lambda mean: seen.append(mean) or mean)
    alone = numbers(here)[1]
    numbers(there)
    monkeypatch.setattr(entropy, "all_mean", lambda mean: (mean + seen[1]) / 2)
    both = numbers(here)[1]
    torch.testing.assert_close(both, numbers_of_the_whole(kind, torch.cat([here, there]), codebook, bias))
    assert both < alone - 0.1, "the halves differ, so this test can fail"


def numbers_of_the_whole(kind: str, latents: Tensor, codebook: Tensor, bias: Tensor) -> Tensor:
    logits = latents if kind == "bits" else 3 * (latents @ codebook.T + bias)
    return (dense_bits(logits) if kind == "bits" else dense(logits))[1]


@pytest.mark.trap("T40", "lfq", "bsq", "vq", "ema", "factorized", "simvq", "ibq")
@pytest.mark.parametrize("kind", ["bits", "soft"])
def test_going_downhill_makes_choices_sure_and_use_even(kind):
    """The sign: what is minimised is the entropy of each latent's choice, less the entropy of them all together."""
    codebook = torch.randn(16, 4)
    latents = (0.5 * torch.randn(64, 4) + 1).requires_grad_()

    def numbers() -> tuple[Tensor, Tensor]:
        return bit_entropies(latents) if kind == "bits" else soft_entropies(latents, codebook, torch.zeros(16), 1.0)

    before = [number.item() for number in numbers()]
    for _ in range(100):
        (gradient,) = torch.autograd.grad(sum(numbers()), latents)
        with torch.no_grad():
            latents -= 5 * gradient
    after = [number.item() for number in numbers()]
    assert after[0] < 0.8 * before[0], "each latent's choice should be surer"
    assert after[1] < 0.9 * before[1], "all together should be used more evenly"
