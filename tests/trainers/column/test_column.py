"""The column on a tiny fake data set: a row by hand, and that a killed run goes on to the same file."""

import json
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from trainers.column import measure, samples
from trainers.column.__main__ import main
from trainers.column.plan import Planned, planned
from trainers.column.row import Settings, run_row, spread
from trainers.loop.signals import Stopped
from trainers.priors import session
from trainers.priors.recipe import PriorRecipe, prior_recipe
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.files.storage import CARDS_VARIABLE, write_json
from vqzoo.generation.classifier import Classifier, Shape
from vqzoo.generation.column import read_rows
from vqzoo.metrics.fid import Extractor
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

NAME = "mnist-tiny-8x4"
ROW = Planned(NAME, "mnist", "ar-tiny", 49)
CLASSES = tuple("0123456789")


class Blocks(Extractor):
    """Mean brightness of the quarters of an image, in place of SqueezeNet's features."""

    metric, num_features, minimum_side = "rfid_squeeze", 4, 32

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(()))

    def forward(self, images):
        return torch.nn.functional.adaptive_avg_pool2d(images[:, :1].float(), 2).flatten(1) * self.scale


def tiny(prior: str) -> PriorRecipe:
    settings = {"name": "ar", "width": 16, "depth": 1, "heads": 2}
    return replace(prior_recipe(prior), prior=settings, steps=6, batch_size=8, held_out=16, evaluate_every=2, warmup=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A data set of 60 and 500 images, and a tokenizer of 49 tokens."""
    root, generator = tmp_path_factory.mktemp("world"), np.random.default_rng(0)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(CLASSES))})
    for split, number in (("train", 60), ("test", 500)):
        pixels = generator.integers(0, 256, (number, 28, 28), dtype=np.uint8)
        rows = {"image": [Image.fromarray(each) for each in pixels], "label": [n % 10 for n in range(number)]}
        path = root / "data" / "mnist" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(rows, features=features).to_parquet(path)
    torch.manual_seed(0)
    autoencoder = build_autoencoder("conv", stride=4, channels=1, latent_dim=4)
    quantizer, position = build("vq", dim=4, codebook_size=8), build_position("none", dim=4)
    card = root / "cards" / NAME
    card.mkdir(parents=True)
    Tokenizer(autoencoder, quantizer, position, 28).save(card)
    metrics = {"bits_per_image": 147.0, "psnr": 20.0, "usage": 0.5, "perplexity": 4.0, "num_images": 500}
    write_json(card / "metrics.json", {"name": NAME, "dataset": "mnist", "metrics": metrics})
    return root


@pytest.fixture
def small(world, monkeypatch):
    monkeypatch.setenv("VQZOO_DATA", str(world / "data"))
    monkeypatch.setenv(CARDS_VARIABLE, str(world / "cards"))
    torch.manual_seed(0)
    network = Classifier(Shape("mnist", 1, 28, CLASSES, 4)).eval()
    monkeypatch.setattr(measure, "extractors", lambda: [Blocks()])
    monkeypatch.setattr(measure, "load_classifier", lambda name: (network, {"accuracy": 0.5, "test_images": 500}))


def measured(folder: Path, row: Planned = ROW) -> dict:
    settings = Settings(tiny, 500, folder / "work", folder / "cards")
    run_row(row, settings, measure.Judge("mnist", folder / "features"), folder / "rows")
    return json.loads((folder / "rows" / f"{row.name}.json").read_text())


def raise_at(call: int, function):
    """A function that is stopped at its n-th call, as by a kill."""
    calls = iter(range(1, 1000))

    def stopped(*arguments, **keywords):
        if next(calls) == call:
            raise Stopped("killed", 75)
        return function(*arguments, **keywords)

    return stopped


def test_a_killed_run_goes_on_to_the_same_row(small, tmp_path):
    whole = measured(tmp_path / "whole")
    kills = [(session, "prior_step", 4), (samples, "write_json", 2), (measure, "share_interval", 2)]
    for module, name, call in kills:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, name, raise_at(call, getattr(module, name)))
            with pytest.raises(Stopped):
                measured(tmp_path / "parts")
    parts = measured(tmp_path / "parts")
    for record in (whole, parts):
        assert set(record.pop("seconds")) == {"training", "image"}
    assert parts == whole
    assert len(list((tmp_path / "parts" / "work" / "samples").glob("*/*.safetensors"))) == 2

    (row,) = read_rows(tmp_path / "whole" / "rows")
    assert row.tokenizer["tokens"] == 49 and row.prior["uniform_bits"] == 147 and row.protocol["images"] == 48
    assert row.samples["num_images"] == row.reconstructions["num_images"] == 500 and row.samples["fid"] is None
    low, high = row.samples["intervals"]["fid_squeeze"]
    assert low <= row.samples["fid_squeeze"] <= high


def test_real_images_are_measured_against_the_train_split(small, tmp_path):
    record = measured(tmp_path, Planned("", "mnist", "", 0))
    judge = measure.Judge("mnist", tmp_path / "features")
    images, labels = judge.split("test")
    hits = measure.load_classifier("mnist")[0].predict(images) == labels
    assert record["name"] == "mnist-real" and record["samples"]["agreement"] == hits.double().mean().item()
    assert read_rows(tmp_path / "rows")[0].real
    train, train_labels = judge.split("train")
    own = judge.measure(train, train_labels, floor=1e-6).metrics
    assert own["fid_squeeze"] == pytest.approx(0, abs=1e-6) and own["nearest"] == 0 and own["copies"] == 1


def test_test_images_are_spread_evenly():
    assert spread(4, 10) == [0, 2, 5, 7] and spread(3, 3) == [0, 1, 2]


def test_nearest_by_hand():
    ours, others = torch.tensor([[0.0, 0.0], [5.0, 5.0]]), torch.tensor([[3.0, 4.0], [5.0, 6.0], [9.0, 9.0]])
    assert measure.nearest_distances(ours, others).tolist() == [5, 1]


def test_a_prior_of_other_steps_is_not_taken_for_this_one(small, tmp_path):
    measured(tmp_path)
    settings = Settings(lambda prior: replace(tiny(prior), steps=8), 500, tmp_path / "work", tmp_path / "cards")
    with pytest.raises(ValueError, match="another number of steps or another tokenizer"):
        run_row(ROW, settings, measure.Judge("mnist", tmp_path / "features"), tmp_path / "rows")


def test_samples_are_whole_parts(small, tmp_path):
    settings = Settings(tiny, 300, tmp_path / "work", tmp_path / "cards")
    with pytest.raises(ValueError, match="samples=300: expected a multiple of 250"):
        run_row(ROW, settings, measure.Judge("mnist", tmp_path / "features"), tmp_path / "rows")


def test_every_tokenizer_of_the_zoo_has_a_row_or_a_reason():
    rows = {row.tokenizer: row for row in planned()}
    assert (rows["cifar10-vq-1024x128"].prior, rows["cifar10-vq-1024x128"].tokens) == ("ar-small", 64)
    assert (rows["cifar10-rvq-8x256"].prior, rows["cifar10-rvq-8x256"].tokens) == ("ar-depth-small", 512)
    assert rows["cifar10-multiscale-1024x128"].prior == rows["cifar10-pca-32x256"].prior == "ar-small"
    assert rows["cifar10-looc-256x4"].reason == "2,048 tokens an image; at most 1,024"
    assert "million weights" in rows["cifar10-adaptive-65536"].reason
    assert [row.name for row in planned(["cifar10-vq-1024x128"])] == ["cifar10-real", "cifar10-vq-1024x128-ar-small"]
    assert {row.prior for row in planned(["cifar10"], "ar-tiny") if row.tokenizer} == {"ar-tiny"}


def test_what_the_zoo_lacks_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(CARDS_VARIABLE, str(tmp_path))
    rows = {row.tokenizer: row for row in planned() if row.tokenizer}
    assert len(rows) == 10 and rows["mnist-rvq-8x256"].prior == "ar-depth-small"
    assert rows["mnist-rvq-8x256"].reason == "no model yet: accelerate launch trainers/train.py mnist-rvq-8x256"
    assert rows["mnist-looc-256x4"].reason == "1,568 tokens an image; at most 1,024"


def test_the_list_and_mistakes(tmp_path, capsys):
    (tmp_path / "cifar10-real.json").touch()
    assert main(["list", "cifar10-vq-1024x128", "cifar10-looc-32x4", "--results", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[:2]] == ["measured", "pending"] and "1 pending" in lines[-1]
    assert main(["list", "cifar10-vq-1024x12"]) == 1
    assert "row='cifar10-vq-1024x12'" in capsys.readouterr().err


def test_a_damaged_row_is_named(tmp_path):
    (tmp_path / "a-ar-small.json").write_text('{"format": 1, "name": "b"}')
    with pytest.raises(ValueError, match="a-ar-small.json: expected format 1"):
        read_rows(tmp_path)
