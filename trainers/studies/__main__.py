"""Train rows of the studies' tables: python -m trainers.studies run|list ROWS... [--budget short] [--minutes 60] ..."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from trainers.errors import fail
from trainers.loop.signals import Stopped
from trainers.studies.budgets import budgeted
from trainers.studies.rows import selected
from trainers.studies.run import missing, run_rows
from vqzoo.files.pipe import ignore_broken_pipe
from vqzoo.studies.results import BUDGETS, RETRAINED, read_results

Rows = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="ROWS")]


@dataclass(frozen=True)
class Run:
    """Train and measure rows; skip those that results.csv has, and resume those that were started.

    Give the same command again until nothing is left; several at once share a GPU.
    """

    rows: Rows
    """"all", a study ("looc", "adaptive", "rvq", "vqgan"), a table ("looc.table5"), or names of recipes."""
    budget: Literal["short", "long", "full"] = "short"
    """short: the same few updates for all rows of a study; long: as many as the zoo's models; full: the papers'."""
    seeds: tuple[int, ...] = (42,)
    """Seeds; all rows are trained with the first one, then with the next."""
    minutes: float | None = None
    """Save and stop after this time; without it there is no limit."""
    runs: Path = Path("runs/studies")
    """Folder of run folders."""
    results: Path = RETRAINED
    """The CSV; curves.jsonl beside it gets the curves of the rows."""


@dataclass(frozen=True)
class List:
    """List rows, and the budgets at which they were measured."""

    rows: Rows = ("all",)
    """As `run` takes them."""
    results: Path = RETRAINED
    """The CSV."""


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    try:
        options = tyro.extras.subcommand_cli_from_dict(
            {"run": Run, "list": List}, args=arguments, prog="trainers.studies"
        )
        if isinstance(options, List):
            with ignore_broken_pipe():
                _list(options)
            return 0
        rows = selected(options.rows)
        options.results.parent.mkdir(parents=True, exist_ok=True)
        added = run_rows(rows, options.budget, options.seeds, options.runs, options.minutes, options.results)
        left = len(missing(rows, options.budget, options.seeds, options.results))
        print(f"{added} rows added to {options.results}, {left} are left")
    except Stopped as stopped:
        print(f"stopped: {stopped}; the same line goes on", file=sys.stderr)
        return stopped.code
    except (ValueError, FloatingPointError, OSError) as error:
        return fail(error)
    return 0


def _list(options: List) -> None:
    lines = read_results(options.results)
    for row in selected(options.rows):
        done = [f"{line.budget}" for line in lines if (line.setting.source, line.recipe) == (row.study, row.name)]
        steps, full = (budgeted(row.recipe, row.study, budget, row.recipe.seed).steps for budget in ("short", "full"))
        measured = ", ".join(budget for budget in BUDGETS if budget in done) or "-"
        print(f"{row.study:9} {row.name:44} {steps:>6,} of {full:>8,} steps  measured: {measured}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
