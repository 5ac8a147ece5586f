"""The training loop: build, step, log, evaluate, save, and the card at the end."""

from contextlib import closing
from itertools import islice

from trainers.data import load_images, naming_dead_workers
from trainers.finish import finish
from trainers.lock import alone_in
from trainers.options import Options
from trainers.recipe import Recipe
from trainers.session import Session
from trainers.step import train_step


def train(recipe: Recipe, options: Options) -> None:
    """Build, train, keep the best by held-out loss, evaluate it on the test split, write its card folder.

    Raises ValueError for settings or data that do not fit, FloatingPointError when a loss or a weight is no longer a
    number (the last good checkpoint stays on disk), OSError when something cannot be read or written (so it does), and
    Stopped where the run was asked to end, by a signal or by a warning of `stop_on`, after saving where it was.
    """
    with alone_in(options.runs / recipe.name):
        session = Session(recipe, options)
        fit(session)
        session.accelerator.end_training()
        if session.is_main:
            size, streams = (recipe.resolution, recipe.channels), options.loading == "stream"
            test = load_images(recipe.dataset, "test", *size, options.data, options.bad_images, streams)
            test = test.to(session.accelerator.device)
            print(f"finished: {finish(recipe, session.folder, options.cards, test, session.facts())}")


def fit(session: Session) -> None:
    """Train from the session's first step to the recipe's last: log, evaluate and save on the way.

    Raises what `train` raises.
    """
    recipe, batches = session.recipe, session.batches()
    with naming_dead_workers(), session.signals, session.progress, closing(batches):
        for step in range(session.start, recipe.steps):
            with session.naming_not_finite(step + 1):
                result = train_step(session.parts, islice(batches, recipe.accumulate), step)
            done = step + 1
            session.log_step(result, done)
            if session.evaluates(done):
                session.evaluate(done)
            due, stop = session.signals.poll(done)
            if session.evaluates(done) or due:
                session.save(done)
            if stop and done < recipe.steps:
                raise stop
