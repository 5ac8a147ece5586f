"""Load a tokenizer for `vqzoo doctor`, with its settings, its log, and images it was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from trainers.data.memory import readable
from trainers.data.pictures import Form, Tally
from trainers.data.sets import open_splits
from trainers.data.source import Source
from trainers.loop.best import load_best
from trainers.own.options import TrainOptions
from trainers.recipes import RECIPES, get_recipe
from trainers.recipes.recipe import Recipe
from trainers.tools.retrain import RetrainCommand, retrain_from_command, retrain_own, retrain_recipe
from vqzoo.analysis.log import read
from vqzoo.files.storage import read_json
from vqzoo.hub.card import METRICS
from vqzoo.hub.registry import find, load
from vqzoo.tokenizer import Tokenizer

PIXELS = 2**21
"""Pixels to examine: 2,048 images of 32 x 32, 32 of 256 x 256."""


@dataclass(frozen=True)
class Subject:
    """A tokenizer to examine.

    settings: those of its quantizer. retrain_command: gives the command to train it with a setting changed. rows: its
    log. images: uint8 (n, c, h, w) that it was not trained on.
    """

    tokenizer: Tokenizer
    settings: dict[str, Any]
    retrain_command: RetrainCommand
    rows: Sequence[dict[str, Any]]
    images: Tensor


def load_subject(source: str, data: Source) -> Subject:
    """Load the tokenizer of a run folder, or a model by name, folder or Hub id, with images to examine it on.

    Raises ValueError for an unknown source, and if its images cannot be loaded.
    """
    folder = Path(source)
    if (folder / "best.pt").is_file() and (folder / "recipe.json").is_file():
        return _of_run(folder, data)
    tokenizer = load(source)
    location, _ = find(source)
    record = read_json(Path(location) / METRICS) if (Path(location) / METRICS).is_file() else {}
    training = record.get("training") or {}
    dataset = record.get("dataset")
    if data.data is None and dataset is None:
        raise ValueError(f"{source} has no {METRICS} that says what it was trained on; give --data FOLDER")
    resolution = (training.get("recipe") or {}).get("resolution", tokenizer.resolution)
    images = _images(dataset or "images", data, Form(resolution, tokenizer.autoencoder.channels), "test")
    name = str(record.get("name") or Path(source).name)
    trained = str(training.get("full_command") or "")
    if trained.startswith("vqzoo train"):
        retrain_command = retrain_from_command(trained, name)
    elif name in RECIPES:
        retrain_command = retrain_recipe(get_recipe(name))
    else:
        retrain_command = retrain_own(TrainOptions("FOLDER", start_from=source), name)
    return Subject(tokenizer, settings_of(tokenizer), retrain_command, [], images)


def _of_run(folder: Path, data: Source) -> Subject:
    recipe = Recipe.from_dict(read_json(folder / "recipe.json"))
    retrain_command = retrain_recipe(recipe)
    if (folder / "data.json").exists():  # a run of `vqzoo train`
        options = TrainOptions.from_dict(read_json(folder / "data.json")["wishes"])
        data, retrain_command = data if data.data else options.source, retrain_own(options, recipe.name)
    form = Form(recipe.resolution, recipe.channels, recipe.fit)
    log = folder / "metrics.jsonl"
    rows = read(log) if log.exists() else []
    images = _images(recipe.dataset, data, form, "held_out")
    tokenizer = load_best(recipe, folder).tokenizer
    return Subject(tokenizer, settings_of(tokenizer), retrain_command, rows, images)


def settings_of(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return all settings of a tokenizer's first quantizer, including defaults."""
    levels = tokenizer.config["quantizer"]
    return dict(levels[0] if isinstance(levels, list) else levels)


def _images(dataset: str, data: Source, form: Form, part: str) -> Tensor:
    """Load images of the split `part`, or of test where the data set has no such split."""
    splits = open_splits(dataset, ["test"], data)
    name = part if part in splits else "test"
    rows = splits[name]
    number = min(len(rows), max(8, PIXELS // form.resolution**2))
    images = readable(rows, range(number), form, Tally(dataset, name, number, 1.0))
    if not len(images):
        raise ValueError(f"data set {dataset!r}, split {name!r}: no image can be read")
    return images
