"""Vector quantization without a network, from a data set to a card: scikit-learn's centres, true bits."""

import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

import vqzoo
from trainers.baselines import kmeans
from trainers.baselines.fitted import Options
from trainers.data.memory import load_images
from trainers.evaluate import reproduce
from trainers.recipes.kmeans import RECIPES, KMeansRecipe
from vqzoo.autoencoders.pca import blocks
from vqzoo.files.storage import read_json
from vqzoo.hub.registry import read_model
from vqzoo.ops.pixels import from_bytes

TINY = KMeansRecipe(
    "pictures-kmeans-8x16", "pictures", 8, codebook_size=16, resolution=16, held_out=8, rows=256, epochs=60
)


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("fitted")
    with redirect_stdout(io.StringIO()):
        folder = kmeans.fit(TINY, Options(str(data), root / "runs", root / "cards"))
    assert folder == root / "cards" / TINY.name
    return folder


def test_its_centres_are_as_good_as_those_of_whole_data_steps(data):
    images = load_images("pictures", "train", 16, 3, str(data))[:-8]
    rows = blocks(from_bytes(images), 8).numpy()

    def error(centres: np.ndarray) -> float:
        return ((rows[:, None] - centres) ** 2).sum(-1).min(1).mean()

    whole = min(error(KMeans(16, n_init=1, random_state=seed).fit(rows).cluster_centers_) for seed in range(5))
    actual, nothing = error(kmeans.centres(TINY, images).numpy()), error(rows.mean(0, keepdims=True))
    assert whole * 0.99 < actual < whole + 0.15 * (nothing - whole)


def test_of_each_block_the_nearest_centre_is_stored(fitted, data):
    tokenizer = vqzoo.load(str(fitted))
    images = load_images("pictures", "test", 16, 3, str(data))[:5]
    tokens = tokenizer.encode(from_bytes(images))
    rows, centres = blocks(from_bytes(images), 8), tokenizer.quantizer.codebook.codevectors()
    expected = ((rows[:, None] - centres) ** 2).sum(-1).argmin(1)
    torch.testing.assert_close(tokens.grids[0].flatten(), expected)
    assert tokenizer.bits(tokens).tolist() == [4 * 4] * 5, "four blocks of four bits"
    restored = blocks(tokenizer.decode(tokens), 8)
    torch.testing.assert_close(restored, centres[expected])


def test_the_card_says_what_was_fitted(fitted, data):
    model, record = read_model(fitted), read_json(fitted / "metrics.json")
    assert model.networkless and not model.linear
    assert record["training"]["images"] == record["training"]["full_budget_images"] == 40
    text = " ".join((fitted / "README.md").read_text().split())
    assert "without a network: its codevectors are blocks of 8 x 8 pixels, the 16 centres" in text
    assert "python trainers/baselines/kmeans.py pictures-kmeans-8x16" in text and "accelerate" not in text
    assert reproduce(fitted, str(data))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_what_its_name_says(name):
    recipe = RECIPES[name]()
    assert name == recipe.name == f"{recipe.dataset}-kmeans-{recipe.stride}x{recipe.codebook_size}"
    assert KMeansRecipe(**recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cifar10-kmeans-4x102"], "recipe='cifar10-kmeans-4x102': did you mean 'cifar10-kmeans-4x1024'"),
        (["cifar10-kmeans-4x1024", "--stride", "5"], "stride=5: expected a divisor of resolution=32"),
        (["cifar10-kmeans-4x1024", "--data", "/no/such"], "data folder '/no/such' does not exist"),
        (["cifar10-kmeans-4x1024", "--epochs", "0"], "epochs=0: expected a whole number from 1"),
    ],
)
def test_mistakes_are_answered_in_one_line(arguments, says, capsys):
    assert kmeans.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and says in error and error.count("\n") == 1


def test_more_centres_than_blocks(data, tmp_path):
    recipe = KMeansRecipe(
        "pictures-kmeans-16x64", "pictures", 16, codebook_size=64, resolution=16, held_out=8, train_images=10
    )
    with pytest.raises(ValueError, match="codebook_size=64: expected at most 10"):
        kmeans.fit(recipe, Options(str(data), tmp_path, tmp_path))
