"""The first levels of residual models on a photograph."""

import dataclasses

import pytest

from vqzoo.hub.registry import load
from vqzoo.quantizers import QUANTIZERS, build
from vqzoo.views.comparison import Comparison
from vqzoo.views.levels import num_levels, residual, show_levels

NAME = "cifar10-rvq-8x256"


@pytest.mark.parametrize("name", QUANTIZERS)
def test_what_has_levels_is_known_from_its_settings(engine, name):
    quantizer = build(name, dim=128)
    model = next(iter(engine.models.values()))
    model = dataclasses.replace(model, config=model.config | {"quantizer": quantizer.config})
    assert num_levels(model) == len(quantizer.level_columns)
    bare = dataclasses.replace(model, config=model.config | {"quantizer": {"name": name}})
    assert num_levels(bare) == 0, "of a model known from a list alone the settings are not known"


def test_shipped_models_have_as_many_as_their_quantizers(engine):
    names = residual(list(engine.models.values()))
    assert NAME in names and "cifar10-multiscale-1024x128" in names and len(names) >= 3
    for name in names:
        assert num_levels(engine.models[name]) == len(load(name).quantizers[0].level_columns)


def test_each_level_has_its_own_bits_and_all_of_them_are_the_model(engine, path):
    photo = engine.photo(path, 64)
    psnr = []
    for levels in (1, 4, 8):
        *_, value = show_levels(engine, Comparison(path, 64, ()), NAME, levels)
        original, first, all_of_them = value["pictures"]
        # 16 x 16 latents, 8 bits a level.
        assert f"{256 * 8 * levels:,} true bits" in first["caption"]
        assert first["name"] == f"first {levels} of 8" and all_of_them["name"] == "all 8"
        assert (first["uri"] == all_of_them["uri"]) == (levels == 8)
        psnr.append(engine.run(NAME, photo, levels=levels).metrics["psnr"])
    assert psnr == sorted(psnr) and psnr[0] < psnr[-1] == engine.run(NAME, photo).metrics["psnr"]


@pytest.mark.parametrize("levels", [0, 9])
def test_levels_that_there_are_not_are_refused(engine, path, levels):
    with pytest.raises(ValueError, match="has 8; choose from 1 to 8"):
        next(show_levels(engine, Comparison(path, 32, ()), NAME, levels))


def test_a_tokenizer_without_levels_says_so(engine, path):
    with pytest.raises(ValueError, match="no sum of levels"):
        engine.run("cifar10-vq-1024x128", engine.photo(path, 32), levels=1)
