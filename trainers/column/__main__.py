"""Measure the generation column: python -m trainers.column run|list [ROWS...] [--steps 1500] [--minutes 60] ..."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

import tyro

from trainers.column.plan import Planned, planned
from trainers.errors import fail
from trainers.priors.recipe import PriorRecipe, prior_recipe
from vqzoo.files.pipe import ignore_broken_pipe
from vqzoo.generation.column import FOLDER

Rows = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="ROWS")]


@dataclass(frozen=True)
class Run:
    """Tokenize, train a prior, draw samples and measure them, row after row; the same command goes on where it stopped.

    Rows that have their file are skipped. Several processes may share the rows.
    """

    rows: Rows = ()
    """Data sets (cifar10, mnist, fashion_mnist) and names of tokenizers; without any, all."""
    prior: str = ""
    """Such as maskgit-small, for all rows; by default ar-small, or ar-depth-small for several columns of indices."""
    steps: int = PriorRecipe().steps
    """Updates of a prior, 64 images each: compare rows with the same number only."""
    samples: int = 5000
    """Images of a row, the same number of each class."""
    minutes: float | None = None
    """Save and stop after this time; without it there is no limit."""
    work: Path = Path("runs/column")
    """Folder of tokens, runs, samples, and features of train splits."""
    cards: Path = Path("runs/column/cards")
    """Folder for the priors' cards."""
    results: Path = FOLDER
    """Folder of the rows' files; by default in the package."""


@dataclass(frozen=True)
class List:
    """List the rows in the order in which they are measured: measured, pending, or why there is none."""

    rows: Rows = ()
    """As `run` takes them."""
    prior: str = ""
    """As `run` takes it."""
    results: Path = FOLDER
    """Folder of the rows' files."""


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    try:
        options = tyro.extras.subcommand_cli_from_dict(
            {"run": Run, "list": List}, args=arguments, prog="trainers.column"
        )
        rows = planned(options.rows, options.prior)
        if isinstance(options, List):
            with ignore_broken_pipe():
                _list(rows, options.results)
            return 0
        return _run(rows, options)
    except (ValueError, FloatingPointError, OSError) as error:
        return fail(error)


def _list(rows: Sequence[Planned], results: Path) -> None:
    for row in rows:
        state = "measured" if row.done(results) else row.reason or "pending"
        print(f"{row.tokenizer if row.reason else row.name:48} {row.tokens or '':>6} {state}")
    pending = sum(not row.done(results) and not row.reason for row in rows)
    print(f"\n{pending} pending; next: python -m trainers.column run --minutes 60")


def _run(rows: Sequence[Planned], options: Run) -> int:
    """Measure pending rows, and return the exit code."""
    # These import torch and `datasets`, which help and mistakes need not wait for.
    from trainers.column.measure import Judge
    from trainers.column.row import Settings, run_row
    from trainers.loop.lock import RunLocked, run_lock
    from trainers.loop.signals import Stopped
    from trainers.studies.run import time_limit

    def recipe(prior: str) -> PriorRecipe:
        return replace(prior_recipe(prior), steps=options.steps)

    settings = Settings(recipe, options.samples, options.work, options.cards)
    judge = cache(lambda dataset: Judge(dataset, options.work / "features"))
    try:
        with time_limit(options.minutes):
            for row in rows:
                if row.reason or row.done(options.results):
                    continue
                print(f"{row.name}", flush=True)
                try:
                    with run_lock(options.work / "rows" / row.name):
                        run_row(row, settings, judge(row.dataset), options.results)
                except RunLocked:
                    continue  # another process has this row
                except FloatingPointError as error:  # go on with the other rows
                    print(f"failed {row.name}: {error}", flush=True)
    except Stopped as stopped:
        print(f"stopped: {stopped}; the same line goes on", file=sys.stderr)
        return stopped.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
