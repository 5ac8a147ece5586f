"""Building by name, rates counted by hand, and every public method called once."""

import inspect

import pytest
import torch
from torch import nn

from vqzoo.metrics.codebook import count_indices
from vqzoo.quantizers import PRESETS, QUANTIZERS, build

RATES = [
    # 8 x 8 latents of 128 numbers, as a 32 x 32 image has them at stride 4.
    (640, {"name": "vq", "codebook_size": 1024}),  # 64 x 10
    (640, {"name": "ema", "codebook_size": 1024}),
    (640, {"name": "cvq", "codebook_size": 1024}),
    (4096, {"name": "rvq", "levels": 8, "codebook_size": 256}),  # 64 x 8 x 8
    (16384, {"name": "looc", "codebook_size": 256, "segments": 32}),  # 64 x 32 x 8
    (65536, {"name": "looc", "codebook_size": 256, "segments": 32, "factor": 2}),  # 256 x 32 x 8
    (147456, {"name": "looc", "codebook_size": 256, "segments": 32, "factor": 3}),  # 576 x 32 x 8
    (262144, {"name": "looc", "codebook_size": 256, "segments": 32, "factor": 4}),  # 1024 x 32 x 8
    (10240, {"name": "looc", "codebook_size": 32, "segments": 32}),  # 64 x 32 x 5
    (262144, {"name": "none"}),  # 64 x 128 x 32
    (65536, {"name": "looc", "codebook_size": 256, "segments": 32, "factor": 2, "grouping": "subpixels"}),
    (16384, {"name": "pq", "segments": 32, "codebook_size": 256}),  # 64 x 32 x 8
    (6144, {"name": "pq", "segments": 32, "codebook_size": 256, "budget": "total"}),  # 64 x 32 x 3
    (2560, {"name": "rq", "levels": 4, "codebook_size": 1024}),  # 64 x 4 x 10
    (640, {"name": "sq", "codebook_size": 1024}),
    (640, {"name": "gumbel", "codebook_size": 1024}),
    (640, {"name": "simvq", "codebook_size": 1024}),
    (640, {"name": "ibq", "codebook_size": 1024}),
    (640, {"name": "factorized", "codebook_size": 1024}),
    (1152, {"name": "lfq", "bits": 18}),  # 64 x 18
    (2304, {"name": "bsq", "bits": 36}),  # 64 x 36
    (512, {"name": "fsq", "levels": [4, 4, 4, 4]}),  # 64 x 8
    (32768, {"name": "uniform"}),  # 64 x 128 x 4
    (2048, {"name": "uniform", "levels": [1, 1, 1, 2] * 32}),  # 64 x 32
    (850, {"name": "multiscale", "scales": [1, 2, 4, 8], "codebook_size": 1024}),  # (1 + 4 + 16 + 64) x 10
    (160, {"name": "hvq", "codebook_size": 1024}),  # 16 x 10
    (40, {"name": "hvq", "codebook_size": 1024, "levels": 3}),  # 4 x 10
]


@pytest.mark.trap("T33")
def test_every_quantizer_has_its_rate_counted_by_hand():
    """Tables of quantizers at unequal rates compare nothing; adaptive's rate, which varies, is in test_adaptive.py."""
    assert {settings["name"] for _, settings in RATES} == QUANTIZERS.keys() - {"adaptive"}


@pytest.mark.trap("T33")
@pytest.mark.parametrize(("bits", "settings"), RATES)
def test_bits_of_an_image_by_hand(bits, settings):
    quantizer = build(dim=128, **settings)
    indices = quantizer.encode(torch.randn(2, 8, 8, 128))
    assert quantizer.bits(indices).tolist() == [bits, bits]


def test_bits_of_an_alphabet_that_is_no_power_of_two():
    quantizer = build("vq", dim=4, codebook_size=10)
    assert quantizer.bits(torch.zeros(1, 3, 5, 1, dtype=torch.int64)).item() == pytest.approx(15 * 3.321928094887362)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_name_and_a_dim_are_enough(name):
    quantizer = build(name, dim=128)
    assert quantizer.dim == 128 and quantizer.config["name"] == name and quantizer.config["dim"] == 128
    assert quantizer(torch.randn(1, 8, 8, 128)).latents.shape == (1, 8, 8, 128)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "looq"}, r"quantizer='looq': did you mean 'looc'"),
        ({"name": "looc", "codebok_size": 8}, r"did you mean 'codebook_size'"),
        ({"name": "looc", "rule": "emma"}, r"rule='emma': did you mean 'ema'\? known: gradient, ema"),
        ({"name": "vq", "metric": "cosin"}, r"metric='cosin': did you mean 'cosine'\? known: l2, cosine"),
        ({"name": "looc", "segments": 24}, r"segments=24: dim=32 cannot be cut .* possible: \[1, 2, 4, 8, 16, 32\]"),
        ({"name": "looc", "segments": 64}, r"possible: \[1, 2, 4, 8, 16, 32\]"),
        ({"name": "looc", "segments": 0}, r"segments=0: expected a whole number from 1"),
        ({"name": "looc", "factor": 0}, r"factor=0: expected a whole number from 1 to 4"),
        ({"name": "looc", "factor": 5}, r"factor=5: expected a whole number from 1 to 4"),
        ({"name": "looc", "factor": 2.0}, r"factor=2.0: expected a whole number"),
        ({"name": "looc", "dim": "32"}, r"dim='32': expected a whole number"),
        ({"name": "rvq", "levels": 0}, r"levels=0: expected a whole number from 1 to 256"),
        ({"name": "rvq", "levels": "8"}, r"levels='8': expected a whole number"),
        ({"name": "vq", "codebook_size": 0}, r"codebook_size=0: expected a whole number from 1 to 1048576"),
        ({"name": "vq", "codebook_size": 10**9}, r"codebook_size=1000000000: expected a whole number"),
        ({"name": "vq", "codebook_size": True}, r"codebook_size=True: expected a whole number"),
        ({"name": "vq", "codebook_size": "512"}, r"codebook_size='512': expected a whole number"),
        ({"name": "vq", "dim": 0}, r"dim=0: expected a whole number"),
        ({"name": "none", "dim": 32.0}, r"dim=32.0: expected a whole number"),
        (
            {"name": "vq", "start": "k-means"},
            r"start='k-means': did you mean 'kmeans'.* known: uniform, normal",
        ),
        (
            {"name": "vq", "revival": "nearest"},
            r"revival='nearest': .*known: none, restart, closest, random, prob",
        ),
        ({"name": "cvq", "anchors": "restart"}, r"anchors='restart': .*known: closest, random, probrandom"),
        ({"name": "ema", "decay": 1.0}, r"decay=1.0: expected a number from 0 up to, and not including, 1"),
        ({"name": "pq", "segments": 5}, r"segments=5: dim=32 cannot be cut .* possible: \[1, 2, 4, 8, 16, 32\]"),
        ({"name": "pq", "budget": "all"}, r"budget='all': .*known: each, total"),
        ({"name": "pq", "budget": "total", "codebook_size": 36}, r"codebook_size=36: 8 segments cannot share it out"),
        ({"name": "pq", "budget": "total", "codebook_size": 4}, r"codebook_size=4: expected a whole number from 8"),
        ({"name": "rq", "levels": 0}, r"levels=0: expected a whole number from 1 to 256"),
        ({"name": "rq", "rule": "sgd"}, r"rule='sgd': .*known: gradient, ema"),
        ({"name": "looc", "grouping": "subpixel"}, r"grouping='subpixel': did you mean 'subpixels'"),
        ({"name": "looc", "grouping": "subpixels", "factor": 5}, r"factor=5: expected a whole number from 1 to 4"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**{"dim": 32, **settings})


def public_methods(module: nn.Module) -> list[str]:
    """Names of the methods that a class of ours adds to those of a plain module."""
    names = {name for ours in type(module).__mro__ if ours.__module__.startswith("vqzoo.") for name in vars(ours)}
    return sorted(name for name in names if not name.startswith("_") and callable(getattr(module, name)))


@pytest.mark.trap("T20")
def test_every_public_method_runs(case):
    """Arguments by their names, so that a method with a new one has to be thought of here."""
    quantizer = build(**case)
    side = quantizer.multiple if quantizer.multiple > 1 else 4
    latents = torch.randn(1, side, side, case["dim"])
    given = {"latents": latents, "indices": quantizer.encode(latents), "levels": 1, "bits": 1.0}
    given |= {"height": 2, "width": 2, "cells": side**2, "at_leaf": lambda leaf, latents, indices: indices}
    given["counts"] = count_indices(given["indices"], quantizer.index_sizes) or []
    if hasattr(quantizer, "codebook"):
        given |= {"table": quantizer.codebook.codevectors(), "codevectors": quantizer.decode(given["indices"])}
    if hasattr(quantizer, "fit"):
        given |= {"low": -torch.ones(case["dim"]), "high": torch.ones(case["dim"])}
    methods = public_methods(quantizer)
    assert {"forward", "encode", "decode", "bits", "quantize", "assign", "lookup"} <= set(methods)
    for training in (True, False):
        quantizer.train(training)
        for name in methods:
            method = getattr(quantizer, name)
            if name == "first_levels" and not quantizer.level_columns:
                continue  # it refuses: there are none
            if name in ("estimate", "innermost"):  # attributes that can be called: a plain function, a quantizer
                continue
            assert method(*(given[parameter] for parameter in inspect.signature(method).parameters)) is not None


@pytest.mark.trap("T20")
@pytest.mark.parametrize(("name", "source"), [(name, source) for name in PRESETS for source in PRESETS[name]])
def test_every_preset_weighs_the_losses_that_its_quantizer_has(name, source):
    settings = dict(PRESETS[name][source].settings)
    if settings.get("codebook_size", 0) > 1024:
        settings["codebook_size"] = 1024  # of some, a step would take long
    if "capacity" in settings or settings["name"] == "adaptive":
        settings["capacity"] = 1024
    quantizer = build(**settings)
    out = quantizer(torch.randn(1, quantizer.multiple, quantizer.multiple, settings["dim"]))
    assert PRESETS[name][source].weights.keys() == out.losses.keys()


def test_dim_has_no_default():
    with pytest.raises(ValueError, match="missing a required argument: 'dim'"):
        build("vq")
