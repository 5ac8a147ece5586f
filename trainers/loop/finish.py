"""Turn a finished run into a folder of model_cards/, laid out as its Hub repository."""

import math
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from trainers.data.sets import hub_id
from trainers.loop.best import load_best
from trainers.recipes import full_budget, full_command
from trainers.recipes.recipe import Recipe
from vqzoo.analysis.evaluation import Evaluation, evaluate
from vqzoo.analysis.log import curves
from vqzoo.files.remote import CARD
from vqzoo.files.storage import read_json, write_json
from vqzoo.hub.baseline import with_baseline
from vqzoo.hub.card import METRICS, USAGE, model_card
from vqzoo.hub.model import Model
from vqzoo.hub.registry import local_models
from vqzoo.hub.usage_file import packed
from vqzoo.metrics.fid import extractors
from vqzoo.metrics.perceptual import perceptual
from vqzoo.tokenizer import Tokenizer

_LARGEST = torch.finfo(torch.float16).max
# Types to store matrices in, smallest first, with the loss of PSNR in dB that each may cause.
_LADDER = {torch.int8: 0.05, torch.float16: 0.05, torch.float32: math.inf}


def finish(
    recipe: Recipe, run: Path, cards: Path, test: Tensor, facts: dict[str, Any], about: dict[str, Any] | None = None
) -> Path:
    """Evaluate the best checkpoint on the test split, write its card folder, and return the folder.

    `facts` are added to "training" of metrics.json, `about` to its top level: "split", "data" and "license".

    Weights are stored as int8 if that changes PSNR by at most 0.05 dB, otherwise as float16 if that does, otherwise as
    float32; metrics are those of the stored weights. A card of a training on more images, or on another data set, is
    not replaced: the new card stays in the run folder.
    """
    best = load_best(recipe, run, test.device)
    training = {
        "images": recipe.images,
        "full_budget_images": full_budget(recipe),
        "full_command": full_command(recipe),
        "steps": recipe.steps,
        "best_step": best.step,
        "best_held_out": best.loss,
        **facts,
        "torch": torch.__version__.split("+")[0],
        "recipe": recipe.to_dict(),
    }
    extras = {**(about or {}), "training": training, "curves": curves(run / "metrics.jsonl")}
    return publish(best.tokenizer, recipe.name, recipe.dataset, run / "card", cards, test, extras)


def publish(
    tokenizer: Tokenizer, name: str, dataset: str, folder: Path, cards: Path, test: Tensor, extras: dict[str, Any]
) -> Path:
    """Evaluate any tokenizer as `finish` does, write its card into `folder`, and copy that to `cards`.

    `extras` are added to metrics.json. They have "training", with at least "images", "full_budget_images", "seconds",
    "device" and "recipe".
    """
    folder.mkdir(parents=True, exist_ok=True)
    dtype, stored = store(tokenizer, folder, test, evaluate(tokenizer.eval(), test).metrics["psnr"])
    record = {
        "name": name,
        "dataset": dataset,
        "hub_id": hub_id(dataset, len(test)),
        "split": "test",
        "metrics": stored.metrics,
        "stored_as": str(dtype).removeprefix("torch."),
        **extras,
    }
    write_files(folder, record, stored.counts, tokenizer.config)
    return _put(folder, cards / name, record["training"]["images"])


def write_files(folder: Path, record: dict[str, Any], counts: list[Tensor] | None, config: dict[str, Any]) -> None:
    """Write metrics.json, usage.json and README.md beside the weights of a model that was measured."""
    record = with_baseline(Model(record["name"], folder, config, record), local_models()[0])
    write_json(folder / METRICS, record)
    columns = None if counts is None else [packed(column.tolist()) for column in counts]
    write_json(folder / USAGE, {"split": record["split"], "counts": columns}, indent=None)
    (folder / CARD).write_text(model_card(record, config), encoding="utf-8")


def store(tokenizer: Tokenizer, folder: Path, test: Tensor, psnr: float) -> tuple[torch.dtype, Evaluation]:
    """Save the weights in the smallest type that keeps their `psnr` on the test images.

    Returns the type, and the evaluation of the weights as they were stored.
    """
    # int8 stores some of its numbers, such as scales, as float16.
    numbers = [tensor for tensor in tokenizer.state_dict().values() if tensor.is_floating_point()]
    fits = all(tensor.abs().max() <= _LARGEST for tensor in numbers)
    for dtype, tolerance in _LADDER.items():
        if not fits and dtype != torch.float32:
            continue
        tokenizer.save(folder, dtype)
        loaded = Tokenizer.from_pretrained(folder).to(test.device)
        if tolerance == math.inf or abs(evaluate(loaded, test).metrics["psnr"] - psnr) <= tolerance:
            break
    return dtype, evaluate(loaded, test, perceptual("squeeze"), extractors())


def _put(folder: Path, target: Path, images: int) -> Path:
    """Put a card in its place unless one of other images or of a longer training is there; return where it is."""
    if (target / METRICS).exists():
        before, now = (read_json(card / METRICS) for card in (target, folder))
        seen = before["training"]["images"]
        if any(before.get(key) != now.get(key) for key in ("dataset", "hub_id", "data")):
            print(f"kept {target}: it was trained on other images; the model of this run stays in {folder}")
            return folder
        if seen > images:
            print(f"kept {target}: it was trained on {seen} images, this run on {images}, which stays in {folder}")
            return folder
    put_folder(folder, target)
    return target


def put_folder(folder: Path, target: Path) -> None:
    """Copy `folder` to `target`, in place of an older one, by two renames: a reader never finds half a card."""
    # In a subfolder, where the registry does not search, so that it never lists half a card.
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=".partial-") as temporary:
        fresh, old = Path(temporary, "fresh"), Path(temporary, "old")
        shutil.copytree(folder, fresh)
        if target.exists():
            os.replace(target, old)
        os.replace(fresh, target)
