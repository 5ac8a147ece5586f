"""Priors on disk: what is loaded is what was saved, with the tokenizer that it was trained with."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import vqzoo
from vqzoo.files.storage import CONFIG, WEIGHTS, cards_folder, sha256
from vqzoo.generation.store import TokenizerId, load_prior, save_prior
from vqzoo.generation.table import build_prior
from vqzoo.tokens.sequences import Sequences

NAME = "cifar10-ema-1024x128"
LLAMA = {"width": 16, "depth": 1, "heads": 2}


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("prior")
    sequences = Sequences(vqzoo.load(NAME), classes=2)
    prior = build_prior("ar", sequences, width=16, depth=1, heads=2)
    tokenizer = TokenizerId(NAME, sha256(cards_folder() / NAME / WEIGHTS))
    save_prior(prior, folder, tokenizer, ("cat", "dog"))
    return folder


@pytest.mark.parametrize(
    ("kind", "tokenizer", "order", "settings"),
    [
        ("ar", NAME, "raster", LLAMA),
        ("ar-signs", "cifar10-lfq-10", "raster", LLAMA),
        ("ar-scale", "cifar10-multiscale-1024x128", "by-level", LLAMA),
        ("maskgit", NAME, "raster", {**LLAMA, "rounds": 3}),
        ("diffusion", NAME, "raster", {"width": 16, "steps": 2}),
    ],
)
def test_a_saved_prior_says_and_draws_the_same(kind, tokenizer, order, settings, tmp_path):
    fresh = build_prior(kind, Sequences(vqzoo.load(tokenizer), order=order, classes=2), **settings).eval()
    weights = TokenizerId(tokenizer, sha256(cards_folder() / tokenizer / WEIGHTS))
    save_prior(fresh, tmp_path, weights, ("cat", "dog"))
    loaded = load_prior(tmp_path)
    assert loaded.classes == ("cat", "dog") and loaded.prior.config == fresh.config
    tokens = fresh.sample(torch.tensor([0, 1]))
    assert torch.equal(loaded.prior.sample(torch.tensor([0, 1])).grids[0], tokens.grids[0])
    if kind != "diffusion":
        assert torch.equal(loaded.prior.log_likelihood(tokens), fresh.log_likelihood(tokens))
    assert loaded.tokenizer.decode(tokens).shape == (2, 3, 32, 32)


def test_another_tokenizer_is_refused(saved):
    with pytest.raises(ValueError, match="belongs to cifar10-ema-1024x128 with weights .*; cifar10-vq-1024x128 has"):
        load_prior(saved, "cifar10-vq-1024x128")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 2, "this version of vqzoo reads format 1"),
        ("prior", {"name": "arr"}, "prior='arr'"),
        ("prior", {"name": "ar", "width": 17, "heads": 2}, "width=17: expected a multiple of 4"),
        ("prior", {"name": "ar", "widht": 16}, "setting of prior 'ar'='widht'"),
        ("prior", {}, "expected an object with a 'name'"),
        ("order", "random", "order='random'"),
        ("size", [32], "expected height and width"),
        ("size", [32, True], "expected height and width"),
        ("classes", ["<b>"], "classes: expected names"),
        ("tokenizer", {"name": NAME}, "expected its name and sha256"),
        ("classes", ["cat"], "shape"),
        ("extra", 1, "expected the keys"),
    ],
)
def test_a_damaged_configuration_is_named(saved, tmp_path, key, value, message):
    shutil.copytree(saved, tmp_path / "prior")
    config = json.loads((saved / CONFIG).read_text())
    (tmp_path / "prior" / CONFIG).write_text(json.dumps(config | {key: value}))
    with pytest.raises(ValueError, match=message):
        load_prior(tmp_path / "prior")


def test_an_unknown_prior_is_named():
    with pytest.raises(ValueError, match="prior='nothing'"):
        load_prior("nothing")
