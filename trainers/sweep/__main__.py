"""Train many recipes, or one at many settings: `python -m trainers.sweep PATTERN [--grid ...] [-- ...]`.

Each run is a process of its own: one that is killed for its memory, or that has a fatal GPU error, does not affect the
others. Six at once have three to five times the throughput of one on a GPU (benchmarks/RESULTS.md). Baselines
(trainers/baselines/) are not covered, as they take minutes and have another command line.
"""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from trainers.errors import fail
from trainers.sweep.plan import decide, plan
from trainers.sweep.run import sweep, train_command
from vqzoo.ops.check import check_int


def _plain(metavar: str) -> object:
    """Return a metavar whose help does not show an empty default."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="")


@dataclass(frozen=True)
class Options:
    """Train many recipes, or one at many settings, each run in a process of its own.

    Runs that have a card of the wanted length are skipped, started ones resumed, and failed ones repeated: give the
    same command until all are finished. After SIGTERM or Ctrl-C the runs save, and the sweep ends with exit code 75.

    Arguments after "--" are passed to trainers/train.py, for instance: -- --steps 1200 --batch-size 64 --data FOLDER
    """

    patterns: Annotated[tuple[str, ...], tyro.conf.Positional, _plain("PATTERN [PATTERN ...]")]
    """Recipes: names, quoted wildcards such as "cifar10-*", or "pending" for what trainers.pending lists."""
    grid: Annotated[tuple[str, ...], _plain("FIELD=V,V,... [FIELD=V,V,... ...]")] = ()
    """Train each recipe at all combinations of these values, as <recipe>-<field><value>...; a list is "8 5 5,8 6 5"."""
    seeds: Annotated[str, _plain("N,N,...")] = ""
    """The same as --grid seed=N,N,..."""
    jobs: int = 1
    """Concurrent runs. They share a single GPU, use several GPUs in turn, or divide the CPU cores."""
    dry_run: bool = False
    """Only print what would be done."""
    runs: Path = Path("runs")
    """Folder of run folders; also for the output of each run, <name>.log, and sweep.csv with a row for each run."""
    cards: Path = Path("model_cards")
    """Folder for the finished <name>/, and of models that are finished already."""


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    config = (tyro.conf.FlagCreatePairsOff,)
    options = tyro.cli(Options, args=arguments[:end], prog="python -m trainers.sweep", config=config)
    grid = [*options.grid, *([f"seed={options.seeds}"] if options.seeds else [])]
    try:
        check_int("jobs", options.jobs, 1, 1024)
        jobs = plan(options.patterns, grid, arguments[end + 1 :], options.runs, options.cards)
        if options.dry_run:
            for job in jobs:
                state, note = decide(job, options.runs, options.cards)
                print(f"{state} {job.name}: {note}")
                if state == "waiting":
                    print("  " + shlex.join(["python", *train_command(job)[1:]]))
            return 0
        return sweep(jobs, options.runs, options.cards, options.jobs)
    except (ValueError, OSError) as error:
        return fail(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
