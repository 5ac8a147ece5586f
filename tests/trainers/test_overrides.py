"""Every setting of every quantizer and autoencoder can be given on the command line, whatever the recipe names."""

import inspect

import pytest
import tyro

from trainers.recipes import RECIPES, get_recipe
from trainers.recipes.overrides import with_settings
from trainers.train import Run, main
from vqzoo.autoencoders.table import AUTOENCODERS
from vqzoo.quantizers import QUANTIZERS

VQ = "cifar10-vq-1024x128"


def parsed(name: str, *arguments: str):
    return tyro.cli(Run, default=Run(with_settings(get_recipe(name), arguments)), args=list(arguments)).recipe


SETTINGS = [
    (quantizer, key, parameter.default)
    for quantizer, builder in QUANTIZERS.items()
    for key, parameter in inspect.signature(builder).parameters.items()
    if key != "dim" and parameter.default not in (None, inspect.Parameter.empty)
]


@pytest.mark.parametrize(("quantizer", "key", "value"), SETTINGS)
def test_every_setting_of_every_quantizer(quantizer, key, value):
    words = [] if isinstance(value, bool) else [str(each) for each in (value if isinstance(value, tuple) else [value])]
    recipe = parsed(VQ, "--quantizer.name", quantizer, f"--quantizer.{key.replace('_', '-')}", *words)
    assert recipe.quantizer["name"] == quantizer
    assert recipe.quantizer[key] == (True if isinstance(value, bool) else value)


@pytest.mark.parametrize("autoencoder", AUTOENCODERS)
def test_every_autoencoder(autoencoder):
    assert parsed(VQ, "--autoencoder.name", autoencoder).autoencoder["name"] == autoencoder


def test_revival_with_every_quantizer_that_has_it():
    """The very advice that a run gives of a collapsed codebook."""
    names: dict[str, str] = {}  # of each quantizer the first recipe
    for name, build in RECIPES.items():
        names.setdefault(str(build().quantizer["name"]), name)
    tried = 0
    for quantizer, name in names.items():
        if "revival" in inspect.signature(QUANTIZERS[quantizer]).parameters:
            assert parsed(name, "--quantizer.revival", "restart").quantizer["revival"] == "restart", name
            tried += 1
    assert tried > 5


def test_a_changed_quantizer_has_weights_for_its_losses():
    recipe = parsed(VQ, "--quantizer.name", "lfq", "--quantizer.bits", "4")
    assert recipe.quantizer == {"name": "lfq", "bits": 4} and recipe.weights["sample_entropy"] > 0
    assert parsed(VQ, "--quantizer.codebook-size", "8").quantizer == get_recipe(VQ).quantizer | {"codebook_size": 8}


@pytest.mark.parametrize(
    ("flag", "nearest"),
    [("--quantizer.revivall", "'revival'"), ("--quantizer.codebooksize=3", "'codebook_size'")],
)
def test_an_unknown_setting_offers_the_nearest(capsys, flag, nearest):
    assert main([VQ, flag, "restart"]) == 1
    assert f"did you mean {nearest}" in capsys.readouterr().err
    assert main([VQ, "--quantizer.name", "rvqq"]) == 1
    assert "'rvq'" in capsys.readouterr().err
