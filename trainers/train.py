"""Train one recipe: accelerate launch trainers/train.py RECIPE [--steps 3000] [--batch-size 64] [--resume] ...

In the place of RECIPE may be a folder of pictures or a data set of the Hub, with the options of `vqzoo train`.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from vqzoo.ops.interrupt import STOPPED, exit_handler

if __name__ == "__main__":  # before there is a step to finish
    signal.signal(signal.SIGINT, exit_handler("stopped: Ctrl-C; go on with --resume"))

import tyro

from trainers.data.source import check_data
from trainers.loop.options import Options
from trainers.own.wishes import Wishes
from trainers.recipes import RECIPES, get_recipe
from trainers.recipes.overrides import with_settings
from trainers.recipes.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """The command line after the recipe's name: its fields and the options, both without a prefix."""

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    options: Annotated[Options, tyro.conf.arg(name="")] = Options()


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
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
    """Train on somebody's own images, as `vqzoo train` does, in as many processes as accelerate has started."""
    wishes = tyro.cli(Wishes, args=arguments, prog="train.py")
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
    """Return the exit code; torch and the data library are imported only now, so that help and mistakes are quick."""
    from trainers.loop.memory import NO_MEMORY, out_of_memory
    from trainers.loop.ranks import LOST, lost
    from trainers.loop.signals import Stopped

    try:
        train()
    except Stopped as stopped:
        print(f"stopped: {stopped}; go on with --resume", file=sys.stderr)
        return stopped.code
    except KeyboardInterrupt:  # before the first step or after the last, where nothing is to be saved
        print("stopped: Ctrl-C; go on with --resume", file=sys.stderr)
        return STOPPED
    except (ValueError, FloatingPointError, OSError) as error:
        return _fail(error)
    except (MemoryError, RuntimeError) as error:
        if out_of_memory(error):
            return _fail(ValueError(NO_MEMORY))
        if (said := lost(error)) is None:
            raise
        print(f"error: {said}; go on with --resume", file=sys.stderr, flush=True)
        os._exit(LOST)  # to leave as usual is to say goodbye to those who do not answer
    return 0


def _fail(error: Exception) -> int:
    print("error:", " ".join(str(error).split()), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
