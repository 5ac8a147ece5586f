"""The trainer of classifiers: it learns, and a run that was stopped goes on bit for bit."""

from dataclasses import replace

import pytest
import torch

from trainers import classifier
from trainers.classifier import ClassifierRecipe, Data, one_cycle, train
from vqzoo.files.storage import WEIGHTS

RECIPE = ClassifierRecipe(1, 28, width=4, steps=8, batch_size=16)


@pytest.fixture(scope="module")
def data() -> Data:
    """Images of two classes: the upper half is brighter, or the lower."""
    images = torch.randint(0, 100, (200, 1, 28, 28), dtype=torch.uint8)
    labels = torch.arange(200) % 2
    images[labels == 0, :, :14] += 150
    images[labels == 1, :, 14:] += 150
    return Data(images[:160], labels[:160], images[160:], labels[160:], ("up", "down"))


def test_two_classes_are_learned(data, tmp_path):
    measured = train("halves", replace(RECIPE, steps=60, learning_rate=0.1), data, tmp_path / "run", tmp_path)
    assert measured["accuracy"] > 0.9 and measured["test_images"] == 40


def test_a_stopped_run_goes_on_bit_for_bit(data, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "_SAVE_EVERY", 3)
    train("halves", RECIPE, data, tmp_path / "run", tmp_path / "whole")
    write_step = classifier.checkpoint.write_step

    def stopped(folder, step, state):
        write_step(folder, step, state)
        if step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(classifier.checkpoint, "write_step", stopped)
        with pytest.raises(KeyboardInterrupt):
            train("halves", RECIPE, data, tmp_path / "again", tmp_path / "parts")
    train("halves", RECIPE, data, tmp_path / "again", tmp_path / "parts")
    one, two = ((tmp_path / name / "halves" / WEIGHTS).read_bytes() for name in ("whole", "parts"))
    assert one == two
    with pytest.raises(ValueError, match="holds a run with other settings"):
        train("halves", replace(RECIPE, width=8), data, tmp_path / "again", tmp_path)


def test_one_cycle_by_hand():
    assert [one_cycle(done) for done in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])
