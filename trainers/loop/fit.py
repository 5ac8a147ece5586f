"""The training loop: build, train, log, evaluate, save, and write the model card."""

from contextlib import closing
from itertools import islice
from typing import Any

from torch import Tensor

from trainers.data.mapped import explain_dead_workers
from trainers.data.memory import load_images
from trainers.data.sets import open_splits
from trainers.loop.best import load_best
from trainers.loop.finish import finish
from trainers.loop.lock import run_lock
from trainers.loop.options import Options
from trainers.loop.session import Session
from trainers.recipes.recipe import Recipe
from trainers.step import train_step
from trainers.tools.doctor import warnings_of
from trainers.tools.retrain import RetrainCommand, retrain_recipe


def train(recipe: Recipe, options: Options) -> None:
    """Train a recipe, evaluate the checkpoint with the lowest held-out loss on the test split, write its card folder.

    Raises ValueError for settings or data that do not fit; FloatingPointError when a loss or a weight is not finite,
    and OSError when something cannot be read or written, both with the last good checkpoint on the disk; Stopped, after
    saving, when a signal or a warning of `stop_on` ended the run.
    """
    with run_lock(options.runs / recipe.name):
        session = Session(recipe, options)
        if session.is_main:
            splits = open_splits(recipe.dataset, ["train", "test"], options.source, options.loading == "stream")
            print(splits.sentence(), flush=True)
        fit(session)
        session.accelerator.end_training()
        if session.is_main:
            test = load_test(session)
            about: dict[str, Any] = {"license": options.license or None, "split": splits.test}
            if splits.divided or splits.test != "test":
                about["data"] = splits.facts()
            print_warnings(session, retrain_recipe(recipe))
            print(f"finished: {finish(recipe, session.folder, options.cards, test, session.facts(), about)}")


def load_test(session: Session) -> Tensor:
    """Load the test split of a run, on its device."""
    recipe, options = session.recipe, session.options
    images = load_images(
        *(recipe.dataset, "test", recipe.resolution, recipe.channels, options.source),
        bad_share=options.bad_images,
        streaming=options.loading == "stream",
        fit=recipe.fit,
    )
    return images.to(session.accelerator.device)


def print_warnings(session: Session, retrain_command: RetrainCommand) -> None:
    """Examine the best checkpoint on the held-out images; print what is wrong, and what to try."""
    recipe = session.recipe
    tokenizer = load_best(recipe, session.folder, session.accelerator.device).tokenizer
    for warning in warnings_of(tokenizer, session.held_out, retrain_command):
        session.progress.print(f"warning: {warning}")


def fit(session: Session) -> int:
    """Train from the session's first step to the recipe's last one; log, evaluate and save on the way.

    Returns the number of steps done, which is less than the recipe's where a deadline ended the run. Raises what
    `train` raises.
    """
    recipe, batches, done = session.recipe, session.batches(), session.start
    with explain_dead_workers(), session.signals, session.progress, closing(batches):
        for step in range(session.start, recipe.steps):
            with session.explain_not_finite(step + 1):
                result = train_step(session.parts, islice(batches, recipe.accumulate), step)
            done = step + 1
            session.log_step(result, done)
            evaluates = session.evaluates(done)
            if evaluates:
                session.evaluate(done)
            due, stop = session.signals.poll(done)
            late = session.signals.late
            if late and not evaluates:
                session.evaluate(done)
            if evaluates or due or late:
                session.save(done)
            if late:
                break
            if stop and done < recipe.steps:
                raise stop
    return done
