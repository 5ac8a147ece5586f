"""The linear baseline from a data set to a card: scikit-learn's components, true bits, honest shares of variance."""

import io
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import vqzoo
from trainers.baselines import pca
from trainers.baselines.pca import Options, fit
from trainers.data.memory import load_images
from trainers.evaluate import reproduce
from trainers.recipes.pca import RECIPES, PCARecipe
from vqzoo.autoencoders.pca import blocks
from vqzoo.files.storage import read_json
from vqzoo.ops.pixels import from_bytes

TINY = PCARecipe("pictures-pca-8x12", "pictures", stride=8, components=12, bits=160, resolution=16, held_out=8, rows=50)


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp("fitted")
    with redirect_stdout(io.StringIO()) as printed:
        folder = fit(TINY, Options(str(data), root / "runs", root / "cards"))
    assert folder == root / "cards" / TINY.name
    return folder, printed.getvalue()


def test_its_components_are_those_of_all_blocks_at_once(fitted, data):
    images = load_images("pictures", "train", 16, 3, str(data))[:-8]
    rows = blocks(from_bytes(images), 8).double().numpy()
    model = PCA(12).fit(rows)
    autoencoder = pca.principal_components(TINY, images)
    np.testing.assert_allclose(autoencoder.mean, model.mean_, atol=1e-5)
    # The last ones are cut off again and again on the way through the data; the space of the first is the same.
    overlap = (autoencoder.components.numpy()[:6] @ model.components_.T) ** 2
    assert (overlap.sum(1) > 0.99).all()
    shares = pca.explained_variance(autoencoder, images)
    np.testing.assert_allclose(shares[:6], model.explained_variance_ratio_.cumsum()[:6], atol=0.01)


def test_the_card_says_what_was_fitted(fitted):
    folder, printed = fitted
    record = read_json(folder / "metrics.json")
    training, metrics = record["training"], record["metrics"]
    train, test = training["explained_variance"]["train"], training["explained_variance"]["test"]
    assert len(train) == len(test) == 12 and train == sorted(train) and 0.5 < test[-1] < train[-1] < 1
    assert training["images"] == training["full_budget_images"] == 40
    assert f"12 components hold {test[-1]:.2%} of the variance of the test split's 16 images" in printed
    text = (folder / "README.md").read_text()
    assert f"hold {train[-1]:.2%} of the variance" in text and f"{test[-1]:.2%} of the test split's" in text
    assert "python trainers/baselines/pca.py pictures-pca-8x12" in text and "accelerate" not in text
    assert 140 < metrics["bits_per_image"] <= 160, "four blocks share the bits"
    assert metrics["psnr"] > 15


def test_it_is_a_tokenizer_like_every_other(fitted, data):
    folder, _ = fitted
    tokenizer = vqzoo.load(folder)
    images = from_bytes(load_images("pictures", "test", 16, 3, str(data)))
    tokens = tokenizer.encode(images)
    assert tokens.grids[0].shape == (16, 2, 2, 12)
    assert torch.equal(tokenizer.decode(tokens), tokenizer(images).images)
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "config.json", "metrics.json", "model.safetensors", "usage.json",
    }  # fmt: skip
    assert reproduce(folder, str(data))


def test_few_images_explain_themselves_and_not_others(data, tmp_path, capsys):
    """As many components as images: all of their variance, and much less of the test split's."""
    recipe = replace(TINY, stride=16, components=9, train_images=10)
    folder = fit(recipe, Options(str(data), tmp_path / "runs", tmp_path / "cards"))
    explained = read_json(folder / "metrics.json")["training"]["explained_variance"]
    assert explained["train"][-1] > 0.999 > 0.98 > explained["test"][-1]
    assert "**" not in (folder / "README.md").read_text() and "10 images" in (folder / "README.md").read_text()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_what_its_name_says(name):
    recipe = RECIPES[name]()
    assert recipe.name == name
    assert name == f"{recipe.dataset}-pca-{recipe.stride}x{recipe.components}"
    assert recipe.blocks * recipe.stride**2 == recipe.resolution**2
    assert read_back(recipe) == recipe


def read_back(recipe: PCARecipe) -> PCARecipe:
    return PCARecipe(**recipe.to_dict())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cifar10-pca-32x25"], "recipe='cifar10-pca-32x25': did you mean 'cifar10-pca-32x256'"),
        (["cifar10-pca-32x256", "--stride", "24"], "stride=24: expected a divisor of resolution=32"),
        (["cifar10-pca-32x256", "--rows", "100"], "rows=100: a step of the fit needs at least components=256"),
        (["cifar10-pca-32x256", "--data", "/no/such"], "data folder '/no/such' does not exist"),
        (["cifar10-pca-32x256", "--bits", "0"], "bits=0: expected a whole number from 1"),
    ],
)
def test_mistakes_are_answered_in_one_line(arguments, says, capsys):
    assert pca.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and says in error and error.count("\n") == 1


def test_more_components_than_blocks(data, tmp_path):
    recipe = replace(TINY, stride=16, components=12, train_images=10)
    with pytest.raises(
        ValueError, match="components=12: expected at most 10, as many as there are blocks in 10 images"
    ):
        fit(recipe, Options(str(data), tmp_path, tmp_path))


def test_help_lists_the_recipes(capsys):
    assert pca.main([]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in RECIPES)
