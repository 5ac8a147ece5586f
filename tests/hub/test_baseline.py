"""Which baseline a model is behind, and that its card, the table of docs/zoo.md and the app's page say so."""

from pathlib import Path

import pytest

from vqzoo.hub.baseline import best_ahead
from vqzoo.hub.card import behind_sentence
from vqzoo.hub.model import Model
from vqzoo.hub.registry import list_models
from vqzoo.hub.table import zoo_table


def model(name: str, bits: float, psnr: float, network: str = "conv", **record: object) -> Model:
    metrics = {"bits_per_image": bits, "psnr": psnr, "num_images": 10}
    facts = {"dataset": "a", "split": "test", "training": {"images": 1}, "metrics": metrics} | record
    return Model(name, Path(name), {"autoencoder": {"name": network}}, facts)


PCA = [model("pca-640", 640, 25, "pca"), model("kmeans-640", 640, 23, "pca"), model("pca-4096", 4096, 35, "pca")]


@pytest.mark.parametrize(
    ("bits", "psnr", "name"),
    [
        (640, 24.9, "pca-640"),
        (640, 25.0, None),
        (638, 24.0, "pca-640"),  # five alphabets that are no powers of two
        (600, 24.0, None),
        (5000, 34.0, "pca-4096"),  # the one that is furthest ahead, not the cheapest
        (5000, 35.5, None),
    ],
)
def test_the_best_baseline_at_no_more_bits(bits, psnr, name):
    actual = best_ahead(model("mine", bits, psnr), PCA)
    assert (actual and actual["name"]) == name


def test_only_the_same_images_compare_and_a_baseline_is_behind_none():
    for other in ({"dataset": "b"}, {"split": "all"}):
        assert best_ahead(model("mine", 640, 20, **other), PCA) is None
    assert best_ahead(PCA[1], PCA) is None


def test_a_table_marks_it_and_a_sentence_names_it():
    behind = {"name": "pca-640", "bits_per_image": 640, "psnr": 25}
    assert behind_sentence({"behind": behind}) == (
        "Behind pca-640, which needs no training and has 25.00 dB at 640 bits on the same images."
    )
    first, second = zoo_table([model("ahead", 640, 26), model("mine", 640, 24, behind=behind)]).splitlines()[2:]
    assert "†" in second and "†" not in first


def test_every_model_of_the_zoo_says_which_it_is_behind():
    models = list_models()
    assert sum("behind" in each.metrics for each in models) < len(models)
    for each in models:
        assert each.metrics.get("behind") == best_ahead(each, models), "run: python docs/draw.py"
