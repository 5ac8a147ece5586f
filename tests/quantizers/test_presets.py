"""The papers' settings: each builds, and the weights belong to the losses; the two sides of beta."""

import pytest
import torch

from vqzoo.quantizers import PRESETS, QUANTIZERS, build, preset

EVERY = [(name, source) for name, sources in PRESETS.items() for source in sources]


@pytest.mark.parametrize(("name", "source"), EVERY)
def test_every_preset_builds_and_weighs_exactly_the_losses_there_are(name, source):
    chosen = preset(name, source)
    quantizer = build(**chosen.settings)
    assert quantizer.dim == chosen.settings["dim"] and chosen.settings["name"] in QUANTIZERS
    side = max(2, quantizer.multiple)
    out = quantizer(torch.randn(1, side, side, quantizer.dim))
    assert chosen.weights.keys() == out.losses.keys()
    assert all(isinstance(weight, float) and weight >= 0 for weight in chosen.weights.values())
    loss = sum((weight * out.losses[loss] for loss, weight in chosen.weights.items()), out.latents.mean())
    assert loss.isfinite()


@pytest.mark.parametrize("name", PRESETS)
def test_the_papers_own_is_the_default_and_the_code_differs_where_it_is_given(name):
    assert preset(name) is PRESETS[name]["paper"]
    assert set(PRESETS[name]) <= {"paper", "paper_code"}
    if "paper_code" in PRESETS[name]:
        assert preset(name, "paper_code") != preset(name)


def test_nearly_every_quantizer_of_the_table_has_one():
    published = {chosen.settings["name"] for sources in PRESETS.values() for chosen in sources.values()}
    # Baselines, which are no method of a paper, and one whose choices are not drawn as in its paper.
    assert published == {*QUANTIZERS} - {"none", "uniform", "hvq"}


def gradient_lengths(name: str, source: str) -> tuple[float, float]:
    """Of one latent: that of the weighed losses with respect to its codevector, and to the latent."""
    chosen = preset(name, source)
    quantizer = build(**{**chosen.settings, "codebook_size": 4, "entropy_temperature": 0.0})
    latents = torch.randn(1, 1, 1, quantizer.dim, requires_grad=True)
    out = quantizer(latents)
    losses = {loss: out.losses[loss] for loss in ("codebook", "commitment")}
    weight = quantizer.weight if name == "ibq" else quantizer.codebook.weight
    total = sum(chosen.weights[loss] * value for loss, value in losses.items())
    to_codebook, to_latent = torch.autograd.grad(total, [weight, latents])
    return to_codebook[out.indices.item()].norm().item(), to_latent.norm().item()


@pytest.mark.trap("T1", "vq", "ibq")
@pytest.mark.parametrize(
    ("name", "source", "codebook", "commitment"),
    [
        ("vqvae", "paper", 1.0, 0.25),
        ("vqgan", "paper", 1.0, 0.25),
        ("vqgan", "paper_code", 0.25, 1.0),
        ("ibq", "paper", 1.0, 0.25),
        ("ibq", "paper_code", 0.25, 1.0),
    ],
)
def test_the_gradients_stand_to_each_other_as_the_weights_on_the_right_terms(name, source, codebook, commitment):
    to_codebook, to_latent = gradient_lengths(name, source)
    assert to_codebook / to_latent == pytest.approx(codebook / commitment, rel=1e-5)
    assert preset(name, source).weights.items() >= {"codebook": codebook, "commitment": commitment}.items()


def test_var_has_its_680_tokens_and_magvit_its_18_bits():
    assert len(build(**preset("var").settings).index_sizes) == 680
    assert build(**preset("magvit2").settings).index_sizes == (2**18,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vqgam",), r"preset='vqgam': did you mean 'vqgan'"),
        (("VQVAE",), r"preset='VQVAE': .*known: vqvae"),
        (("vqgan", "paper-code"), r"source of preset 'vqgan'='paper-code': did you mean 'paper_code'"),
        (("vqvae", "paper_code"), r"source of preset 'vqvae'='paper_code': did you mean 'paper'\? known: paper$"),
        ((None,), r"preset=None: known: vqvae"),
    ],
)
def test_unknown_presets_are_answered_with_those_that_are_near(arguments, message):
    with pytest.raises(ValueError, match=message):
        preset(*arguments)
