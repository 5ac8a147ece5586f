"""Laws that every recipe of the table obeys."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from trainers.loop.objective import objective
from trainers.recipes import RECIPES, adaptive, full_budget, full_command, get_recipe, looc, residual
from trainers.recipes.recipe import PIXEL_TERMS, Recipe
from vqzoo.tokenizer import Tokenizer


@pytest.fixture(params=RECIPES, scope="module")
def recipe(request) -> Recipe:
    return RECIPES[request.param]()


def _levels(recipe: Recipe) -> list[dict[str, Any]]:
    return [recipe.quantizer] if isinstance(recipe.quantizer, dict) else list(recipe.quantizer)


def _parts(recipe: Recipe) -> str:
    """Return the parts of a tokenizer and its loss terms, without sizes and weights."""
    quantizers = [{key: value for key, value in level.items() if isinstance(value, str)} for level in _levels(recipe)]
    return repr((recipe.autoencoder["name"], quantizers, sorted(recipe.weights), recipe.position, recipe.place))


def _configuration(recipe: Recipe) -> str:
    return repr((recipe.autoencoder, recipe.quantizer, recipe.channels, recipe.latent_dim, recipe.position))


def one_of_each(kind: Callable[[Recipe], str]) -> list[str]:
    """The last recipe of each kind."""
    return sorted({kind(recipe()): name for name, recipe in RECIPES.items()}.values())


def test_its_name_is_its_key_and_begins_with_its_data_set(recipe):
    assert get_recipe(recipe.name) == recipe
    assert recipe.name.startswith(f"{recipe.dataset}-")
    assert full_budget(recipe) == recipe.steps * recipe.batch_size == recipe.images


@pytest.mark.parametrize("name", one_of_each(_parts))
def test_every_loss_term_has_a_weight_and_every_parameter_learns(name):
    torch.manual_seed(0)
    recipe = get_recipe(name)
    tokenizer = recipe.build()
    side = min(recipe.resolution, 64)
    images = torch.rand(2, recipe.channels, side, side) * 2 - 1
    out = tokenizer(images)
    assert out.images.shape == images.shape
    (pixels,) = (term for term in PIXEL_TERMS if term in recipe.weights)
    terms = {pixels: torch.nn.functional.mse_loss(out.images, images), **out.losses}
    objective(terms, recipe.weights).backward()
    assert [name for name, parameter in tokenizer.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", one_of_each(_configuration))
def test_its_tokenizer_is_built_again_from_its_configuration(name):
    tokenizer = get_recipe(name).build()
    again = Tokenizer.from_config(tokenizer.config)
    assert again.config == tokenizer.config
    assert {k: v.shape for k, v in again.state_dict().items()} == {
        k: v.shape for k, v in tokenizer.state_dict().items()
    }


@pytest.mark.parametrize(
    ("name", "twins"),
    [
        ("cifar10-cvq-1024x128", ["sinusoidal", "learned"]),
        ("flowers-vqgan-1024x256", ["sinusoidal", "learned", "nerf", "sinusoidal-both"]),
        ("flowers-vqgan-8192x256", ["sinusoidal"]),
    ],
)
def test_twins_differ_in_the_encoding_alone_and_start_with_the_same_weights(name, twins):
    recipes = [get_recipe(name), *(get_recipe(f"{name}-{twin}") for twin in twins)]
    states = []
    for twin in recipes:
        assert replace(twin, name=name, position="none", place="decoder") == recipes[0]
        torch.manual_seed(0)
        states.append(twin.build().state_dict())
    for key, tensor in states[0].items():
        assert all(torch.equal(tensor, state[key]) for state in states), key


def test_a_name_outside_the_table_has_no_full_budget():
    recipe = replace(get_recipe("cifar10-fsq-8-5-5-5"), name="somebody-else")
    assert full_budget(recipe) == 0 and full_command(recipe) is None


def test_a_recipe_on_another_data_set_has_no_full_budget():
    recipe = replace(get_recipe("cifar10-fsq-8-5-5-5"), dataset="photos")
    assert full_budget(recipe) == 0 and full_command(recipe) is None


def test_the_command_of_a_full_training():
    recipe = get_recipe("cifar10-fsq-8-5-5-5")
    assert full_command(recipe) == "accelerate launch trainers/train.py cifar10-fsq-8-5-5-5"
    assert full_command(replace(recipe, steps=7)) == full_command(recipe), "its length is the recipe's own"
    quantizer = recipe.quantizer | {"levels": (8, 6)}
    other = replace(recipe, name=f"{recipe.name}-small", quantizer=quantizer, seed=3, steps=7)
    flags = "--name cifar10-fsq-8-5-5-5-small --quantizer.levels 8 6 --seed 3"
    assert full_command(other) == f"{full_command(recipe)} {flags}"


@pytest.mark.parametrize("study", [looc, adaptive, residual])
def test_a_row_of_a_study_is_the_recipe_of_its_name(study):
    """Also where several tables, or the starter zoo, have the same row."""
    for row in study.recipes():
        assert get_recipe(row.name) == row
