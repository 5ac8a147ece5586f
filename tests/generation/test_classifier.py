"""The classifiers: what they are, that they are what is stored, and that real digits are what it says."""

import os
from pathlib import Path

import pytest
import torch

from trainers.data.labelled import load_labelled
from vqzoo.files.storage import WEIGHTS
from vqzoo.generation.classifier import FOLDER, Classifier, Shape, load_classifier, save_classifier
from vqzoo.metrics.measure import share_interval

DATASETS = sorted(path.parent.name for path in FOLDER.glob("*/config.json"))


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_classifier_is_small_and_says_how_good_it_is(dataset):
    classifier, config = load_classifier(dataset)
    assert (FOLDER / dataset / WEIGHTS).stat().st_size <= 350_000
    low, high = config["accuracy_interval"]
    assert 0.5 < low < config["accuracy"] < high and config["test_images"] == 10_000
    shape = classifier.shape
    images = torch.randint(0, 256, (3, shape.channels, shape.resolution, shape.resolution), dtype=torch.uint8)
    assert classifier.predict(images).shape == (3,) and len(shape.classes) == 10


def test_digits_are_told_apart_well_enough_to_judge_samples():
    assert load_classifier("mnist")[1]["accuracy"] >= 0.99


@pytest.mark.skipif(not Path(os.environ.get("VQZOO_DATA", "/none"), "mnist").is_dir(), reason="needs MNIST")
def test_agreement_of_real_digits_is_the_accuracy():
    classifier, config = load_classifier("mnist")
    images, labels, classes = load_labelled("mnist", "test", 28, 1)
    hits = classifier.predict(images) == labels
    assert classes == classifier.shape.classes
    assert hits.double().mean().item() == pytest.approx(config["accuracy"], abs=5e-4), "a machine may round otherwise"


def test_a_stored_classifier_predicts_the_same(tmp_path):
    shape = Shape("mnist", 1, 28, ("a", "b", "c"), 4)
    fresh = Classifier(shape).half().float().eval()
    save_classifier(fresh, tmp_path / "mnist", {"accuracy": 0.5})
    loaded, config = load_classifier("mnist", tmp_path)
    images = torch.randn(2, 1, 28, 28)
    torch.testing.assert_close(loaded(images), fresh(images))
    assert loaded.shape == shape and config["accuracy"] == 0.5
    with pytest.raises(ValueError, match="classifier='flowers'"):
        load_classifier("flowers", tmp_path)


def test_the_interval_of_a_share_by_hand():
    """Wilson, 8 of 10: (0.8 + 1.92 / 10 -+ 1.96 (0.016 + 0.0096)^(1/2)) / 1.384."""
    assert share_interval(8, 10) == pytest.approx([0.4902, 0.9433], abs=1e-4)
