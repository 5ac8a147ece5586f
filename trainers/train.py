"""Train one recipe: accelerate launch trainers/train.py RECIPE [--steps 3000] [--batch-size 64] [--resume] ...

Instead of RECIPE also a folder of images or a data set of the Hub, with the options of `vqzoo train`.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from vqzoo.ops.interrupt import STOPPED, leaving

if __name__ == "__main__":  # before there is a step to finish
    signal.signal(signal.SIGINT, leaving("stopped: Ctrl-C; go on with --resume"))

import tyro

from trainers.data.source import check_data
from trainers.loop.options import Options
from trainers.own.options import TrainOptions
from trainers.recipes import RECIPES, get_recipe
from trainers.recipes.overrides import with_settings
from trainers.recipes.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """The command line after the recipe's name: fields of the recipe and options, both without a prefix."""

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    options: Annotated[Options, tyro.conf.arg(name="")] = Options()


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{__doc__}\n\nrecipes, most wanted first:\n  " + "\n  ".join(RECIPES))
        print("\nRECIPE --help lists what can be overridden")
        return 0
    if Path(arguments[0]).exists() or "/" in arguments[0]:
        return _train_own(arguments)
    try:
        recipe = with_settings(get_recipe(arguments[0]), arguments[1:])
        run = tyro.cli(Run, default=Run(recipe), args=arguments[1:], prog=f"train.py {recipe.name}")
    except ValueError as error:
        return _fail(error)
    return _train(run)


def _train_own(arguments: list[str]) -> int:
    """Train on the user's own images, as `vqzoo train` does, in the processes that accelerate started."""
    wishes = tyro.cli(TrainOptions, args=arguments, prog="train.py")
    try:
        check_data(wishes.data)
    except ValueError as error:
        return _fail(error)

    def train() -> None:
        from trainers.own.train import train_own

        train_own(wishes)

    return _run(train)


def _train(run: Run) -> int:
    """Train a recipe."""

    def train() -> None:
        from trainers.loop.fit import train as train_recipe

        train_recipe(run.recipe, run.options)

    return _run(train)


def _run(train: Callable[[], None]) -> int:
    """Run `train` and return the exit code; prints errors of the user's in one line.

    Callers import torch and `datasets` inside `train`, so that help and errors of usage come at once.
    """
    from trainers.loop.memory import NO_MEMORY, out_of_memory
    from trainers.loop.ranks import RANK_LOST, describe_lost_ranks
    from trainers.loop.signals import Stopped

    try:
        train()
    except Stopped as stopped:
        print(f"stopped: {stopped}; go on with --resume", file=sys.stderr)
        return stopped.code
    except KeyboardInterrupt:  # before the first step or after the last one, with nothing to save
        print("stopped: Ctrl-C; go on with --resume", file=sys.stderr)
        return STOPPED
    except (ValueError, FloatingPointError, OSError) as error:
        return _fail(error)
    except (MemoryError, RuntimeError) as error:
        if out_of_memory(error):
            return _fail(ValueError(NO_MEMORY))
        if (message := describe_lost_ranks(error)) is None:
            raise
        print(f"error: {message}; go on with --resume", file=sys.stderr, flush=True)
        os._exit(RANK_LOST)  # a normal exit would wait for the ranks that do not answer
    return 0


def _fail(error: Exception) -> int:
    print("error:", " ".join(str(error).split()), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
