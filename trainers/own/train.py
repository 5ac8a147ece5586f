"""Train a tokenizer on the user's own images, from the options of `vqzoo train` to the model card."""

import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from torch import Tensor

from trainers.data.feed import Feed
from trainers.data.open import open_feed
from trainers.loop import checkpoint
from trainers.loop.finish import finish
from trainers.loop.fit import fit, load_test, print_warnings
from trainers.loop.lock import run_lock
from trainers.loop.options import Options
from trainers.loop.session import Session, build_accelerator, feed_arguments
from trainers.own.command import command, without_path
from trainers.own.images import FINGERPRINT, Images, dataset_name, inspect_images
from trainers.own.like import like
from trainers.own.options import TrainOptions
from trainers.own.pace import measure_pace
from trainers.own.plan import choose
from trainers.own.report import print_finished, print_table, table, write_contact_sheet
from trainers.recipes import RECIPES
from trainers.recipes.overrides import with_fields
from trainers.recipes.recipe import Recipe
from trainers.tools.retrain import retrain_own
from vqzoo.files.storage import cards_folder, read_json, write_json
from vqzoo.hub.card import METRICS
from vqzoo.hub.schema import is_name
from vqzoo.ops.check import check_int

EVALUATIONS = 8
HELD_OUT = 500
_DATA = "data.json"
_IMPORTS = 5.0
"""Seconds of the minutes that imports of torch and `datasets` took before `train_own` runs."""


def train_own(options: TrainOptions) -> Path | None:
    """Divide the images, choose the settings, train within the minutes, write the model card, and return its folder.

    With several processes all but the first return None. Raises what `trainers.loop.fit.train` raises.
    """
    start_time = time.monotonic() - _IMPORTS
    check_int("bits", options.bits, 1, 2**31)
    check_int("steps", options.steps, 0, 2**31)
    if not 0 < options.minutes < math.inf:
        raise ValueError(f"minutes={options.minutes}: expected a number above 0")
    dataset = dataset_name(options.data)
    images = inspect_images(dataset, options)
    recipe = settings(dataset, images, options)
    cards = options.cards or cards_folder()
    _check_card(cards / recipe.name, images.facts)
    run_options = Options(
        runs=options.runs,
        cards=cards,
        resume=options.resume,
        loading=options.loading,
        workers=options.workers,
        bad_images=options.bad_images,
        **asdict(options.source),
    )
    folder = run_options.runs / recipe.name
    with run_lock(folder):
        if options.resume:
            recipe = _resumed_recipe(folder, images.facts)
        session = _session(recipe, run_options, images, options, start_time)
        if session.is_main:
            write_json(folder / _DATA, images.facts | {"wishes": options.to_dict()})
        steps = fit(session)
        session.accelerator.end_training()
        if not session.is_main:
            return None
        start = session.recipe.start_from
        recipe = replace(session.recipe, steps=steps, start_from=without_path(start) if start else "")
        about = {"data": images.facts, "license": options.license or None, "split": images.splits.test}
        repeated = options if steps < session.recipe.steps else replace(options, steps=steps)
        facts = session.facts() | {"full_command": command(repeated)}
        card = finish(recipe, folder, cards, load_test(session), facts, about)
        print_warnings(session, retrain_own(options, recipe.name))
        print_finished(card, write_contact_sheet(session, folder), recipe)
        return card


def settings(dataset: str, images: Images, options: TrainOptions) -> Recipe:
    """Return the recipe for these images and options, whose number of steps is still to be set."""
    short = dataset.rpartition("/")[2]
    model = options.like or options.start_from
    if model:
        recipe = like(model, short, options.cards or cards_folder())
    else:
        recipe = choose(short, images.statistics, options.bits)
    recipe = with_fields(recipe, options.set)
    name = options.name or recipe.name
    if not is_name(name):
        raise ValueError(f"name={name!r}: expected letters, digits, dots and dashes, 96 at most")
    if not options.name and name in RECIPES:
        raise ValueError(f"{name} is the name of a recipe of another data set; give the model its own with --name")
    counts = images.facts["images"]
    held_out = (
        min(HELD_OUT, counts["held_out"]) if "held_out" in counts else max(1, min(HELD_OUT, counts["train"] // 10))
    )
    return replace(
        recipe,
        name=name,
        dataset=dataset,
        held_out=held_out,
        train_images=0,
        start_from=options.start_from or recipe.start_from,
        freeze=options.freeze,
        fit=options.fit,
        seed=options.seed,
    )


def _session(recipe: Recipe, run_options: Options, images: Images, options: TrainOptions, start_time: float) -> Session:
    """Print what was chosen, measure the pace, and return the session of a run of the length that fits."""
    accelerator = build_accelerator(recipe, run_options)
    deadline, test_images = None, images.facts["images"]["test"]
    if accelerator.is_main_process:
        print_table(table(recipe, images))
    opened = open_feed(recipe, *feed_arguments(run_options, accelerator))
    if not run_options.resume:
        steps = [options.steps]
        if not options.steps:
            pace = measure_pace(recipe, opened, run_options, accelerator)
            steps = [pace.steps(options.minutes, time.monotonic() - start_time, EVALUATIONS, test_images)]
            broadcast_object_list(steps)
            deadline = start_time + 60 * options.minutes - pace.finishing(test_images)
        recipe = with_length(recipe, steps[0])
    if accelerator.is_main_process:
        print_table([("steps", f"{recipe.steps:,} of {recipe.batch_size} images")])

    def feed(*_: Any) -> tuple[Feed, Tensor]:
        return opened

    return Session(recipe, run_options, feed, deadline)


def with_length(recipe: Recipe, steps: int) -> Recipe:
    """Return the recipe with another number of steps, and the fields that depend on it."""
    changes: dict[str, Any] = {"steps": steps, "evaluate_every": max(1, steps // EVALUATIONS)}
    changes["warmup"] = min(recipe.warmup, 50, steps // 10)
    if recipe.adversarial:
        changes["adversary"] = replace(recipe.adversary, start=steps * 3 // 4)
    return replace(recipe, **changes)


def _check_card(card: Path, facts: dict[str, Any]) -> None:
    """Raise ValueError if the finished model would replace one that was trained on other images."""
    if (card / METRICS).exists():
        before = read_json(card / METRICS).get("data") or {}
        if before.get(FINGERPRINT) != facts[FINGERPRINT]:
            raise ValueError(
                f"{card} is a model that was trained on other images; give this one another --name, or move that "
                "folder away"
            )


def _resumed_recipe(folder: Path, facts: dict[str, Any]) -> Recipe:
    """Return the recipe of the run to resume; ValueError if there is none, or if the images have changed."""
    if not (folder / "recipe.json").exists() or checkpoint.read_latest(folder / "checkpoints") is None:
        raise ValueError(f"{folder} has nothing to resume; start without --resume")
    if read_json(folder / _DATA).get(FINGERPRINT) != facts[FINGERPRINT]:
        raise ValueError(
            f"--resume: the images have changed since {folder} was started; start anew with another --name"
        )
    return Recipe.from_dict(read_json(folder / "recipe.json"))
