"""Symptoms of a tokenizer: each is made on purpose, and a sound tokenizer has none."""

import pytest
import torch

from vqzoo.analysis.diagnosis import _steps, _values, diagnose, wasserstein
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer


def pictures(num: int = 64, side: int = 16) -> torch.Tensor:
    noise = torch.rand(num, 3, side, side, generator=torch.Generator().manual_seed(0))
    return (noise * 255).byte()


def tokenizer(dim: int = 8, **quantizer) -> Tokenizer:
    torch.manual_seed(0)
    autoencoder = build_autoencoder("conv", latent_dim=dim, stride=4, width=8, residual_width=4)
    return Tokenizer(autoencoder, build(dim=dim, **quantizer), build_position("none", dim=dim), 16).eval()


def kinds(model: Tokenizer, images: torch.Tensor | None = None) -> set[str]:
    return {symptom.kind for symptom in diagnose(model, pictures() if images is None else images)} - {
        "colour",
        "borders",
    }


def sound() -> Tokenizer:
    """Codevectors that are latents."""
    model = tokenizer(name="vq", codebook_size=32)
    latents = model.latents(pictures()).flatten(0, 2).detach()
    with torch.no_grad():
        model.quantizer.codebook.codevectors().copy_(latents[torch.randperm(len(latents))[:32]])
    return model


def test_codevectors_that_are_latents_are_sound():
    assert kinds(sound()) == set()


def test_codevectors_that_nothing_uses():
    model = sound()
    with torch.no_grad():
        model.quantizer.codebook.codevectors()[3:] = 1e3
    (unused,) = [symptom for symptom in diagnose(model, pictures()) if symptom.kind == "unused"]
    assert unused.text == "3 of 32 codevectors are in use (9.4%), by 1,024 indices"


def test_few_indices_say_nothing_of_unused_codevectors():
    model = sound()
    with torch.no_grad():
        model.quantizer.codebook.codevectors()[3:] = 1e3
    assert "unused" not in kinds(model, pictures(4))


def test_codevectors_of_another_scale_and_elsewhere():
    model = sound()
    with torch.no_grad():
        model.quantizer.codebook.codevectors().mul_(0.1)
    assert {"scale", "apart"} <= kinds(model)


@pytest.mark.parametrize("quantizer", [{"name": "lfq", "bits": 8}, {"name": "fsq", "levels": (5,) * 8}])
def test_signs_and_scalars_that_always_are_the_same(quantizer):
    module = build(dim=8, **quantizer)
    latents = torch.randn(1000, 8, generator=torch.Generator().manual_seed(0))
    assert _values(module, latents) == []
    latents[:, 3] = 50.0
    latents[:, 5] = -50.0
    (saturated,) = _values(module, latents)
    assert saturated.text.startswith("2 of 8 ") and "one value in over 98% of the cells" in saturated.text


def test_errors_that_jump_at_the_borders_of_cells():
    error = torch.zeros(2, 3, 16, 16)
    error[..., 4:8] = 1.0
    across, inside = _steps(error, 4)
    assert inside == 0 and across == pytest.approx(2 * (2 / 3) / 2)  # two of three borders, columns alone, two images
    assert _steps(error, 1) == (0.0, 0.0)


def test_colours_that_are_off():
    model = sound()
    model.autoencoder.decoder.register_forward_hook(lambda *call: call[2] * 0 + 0.5)
    grey = torch.full((8, 3, 16, 16), 128, dtype=torch.uint8)
    (colour,) = [symptom for symptom in diagnose(model, grey) if symptom.kind == "colour"]
    assert colour.text == "colours are off by +63.0, +63.0, +63.0 grey levels on average"


def test_the_wasserstein_distance_of_gaussians():
    """In one dimension sqrt((m1 - m2)^2 + (s1 - s2)^2); of equal samples nothing; against scipy's square root."""
    torch.manual_seed(0)
    first = torch.randn(5000, 1, dtype=torch.float64)
    second = 3 * first + 4
    mean, spread = first.mean(), first.std(correction=0)
    expected = torch.hypot(2 * mean + 4, 2 * spread)
    assert wasserstein(first, second) == pytest.approx(float(expected), rel=1e-9)
    sample = torch.randn(100, 5, dtype=torch.float64)
    assert wasserstein(sample, sample) == pytest.approx(0, abs=1e-6)


def test_nothing_is_left_in_the_tokenizer():
    model = sound()
    before = model(pictures(2)).images
    diagnose(model, pictures())
    assert torch.equal(model(pictures(2)).images, before)
    assert "quantize" not in vars(model.quantizer)
