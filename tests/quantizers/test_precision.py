"""Half precision outside, float32 inside: indices do not depend on it."""

from typing import Any

import pytest
import torch

from vqzoo.ops.lookup import nearest
from vqzoo.quantizers import build

LARGE: list[dict[str, Any]] = [
    {"name": "vq", "dim": 8, "codebook_size": 16384, "start": "normal"},
    {"name": "ema", "dim": 8, "codebook_size": 16384, "start": "normal"},
    {"name": "cvq", "dim": 8, "codebook_size": 16384},
    {"name": "factorized", "dim": 32, "codebook_size": 16384, "code_dim": 8},
    {"name": "simvq", "dim": 8, "codebook_size": 16384},
    {"name": "ibq", "dim": 8, "codebook_size": 16384},
    {"name": "sq", "dim": 8, "codebook_size": 16384},
    {"name": "gumbel", "dim": 8, "codebook_size": 16384},
    {"name": "rvq", "dim": 8, "codebook_size": 4096, "levels": 3, "start": "normal"},
    {"name": "fsq", "dim": 32, "levels": [8, 8, 8, 5, 5, 5]},
    {"name": "bsq", "dim": 32, "bits": 36},
    {"name": "lfq", "dim": 32, "bits": 18},
]


def naive(latents: torch.Tensor, codebook: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What autocast makes of the textbook's distances."""
    z, e = latents.to(dtype), codebook.to(dtype)
    return (z.square().sum(1, keepdim=True) - 2 * z @ e.T + e.square().sum(1)).argmin(1)


@pytest.mark.trap("T14", *(settings["name"] for settings in LARGE))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("settings", LARGE, ids=lambda settings: settings["name"])
def test_indices_under_autocast_are_those_of_float32(settings, dtype):
    quantizer = build(**settings).eval()
    latents = torch.randn(1, 16, 16, settings["dim"])
    expected = quantizer.encode(latents)
    with torch.autocast("cpu", dtype):
        assert torch.equal(quantizer.encode(latents), expected)
        out = quantizer(latents)
    assert torch.equal(out.indices, expected) and out.latents.dtype == torch.float32


@pytest.mark.trap("T14", "vq", "ema", "rvq", "rq", "pq", "looc")
def test_a_large_codebook_of_short_vectors_would_be_searched_wrongly_in_half_precision():
    """What the tests above guard against: a twentieth of the indices."""
    latents, codebook = torch.randn(1024, 8), torch.randn(16384, 8)
    wrong = (naive(latents, codebook, torch.bfloat16) != nearest(latents, codebook)).float().mean()
    assert wrong > 0.02


@pytest.mark.trap("T15", "vq", "cvq", "looc", "multiscale", "simvq")
@pytest.mark.parametrize("name", ["vq", "cvq", "looc", "multiscale", "simvq"])
def test_a_fresh_codebook_is_used_widely_under_autocast(name):
    settings = {"segments": 8} if name == "looc" else {}
    quantizer = build(name, dim=128, codebook_size=1024, **settings).eval()
    with torch.autocast("cpu", torch.bfloat16):
        indices = quantizer(torch.randn(4, 16, 16, 128).bfloat16()).indices
    # Of 1024 latents and codevectors at random about two thirds would be chosen; of multiscale's, fewer are near.
    assert len(indices.unique()) > 200


@pytest.mark.trap("T15", "vq")
def test_a_fresh_codebook_would_collapse_under_autocast():
    """What the test above guards against: beside |z|^2, the rest of a distance rounds away."""
    latents, codebook = torch.randn(1024, 128), torch.empty(1024, 128).uniform_(-1 / 1024, 1 / 1024)
    assert len(naive(latents, codebook, torch.bfloat16).unique()) < 5
    assert len(nearest(latents, codebook).unique()) > 200
