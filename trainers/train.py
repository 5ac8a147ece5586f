"""Train one recipe: accelerate launch trainers/train.py RECIPE [--steps 3000] [--batch-size 64] [--resume] ...

Instead of RECIPE also a folder of images or a data set of the Hub, with the options of `vqzoo train`.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from vqzoo.ops.interrupt import STOPPED, exit_handler

if __name__ == "__main__":  # before there is a step to finish
    signal.signal(signal.SIGINT, exit_handler("stopped: Ctrl-C; go on with --resume"))

import tyro

from trainers.data.source import check_data
from trainers.errors import fail
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
    try:
        if Path(arguments[0]).exists() or "/" in arguments[0]:
            options = tyro.cli(TrainOptions, args=arguments, prog="train.py")
            check_data(options.data)
            train = partial(_train_own, options)
        else:
            recipe = with_settings(get_recipe(arguments[0]), arguments[1:])
            run = tyro.cli(Run, default=Run(recipe), args=arguments[1:], prog=f"train.py {recipe.name}")
            train = partial(_train, run)
    except ValueError as error:
        return fail(error)
    return exit_code(train)


# Imports of torch and `datasets` are inside these functions, so that help and errors of usage come at once.


def _train(run: Run) -> None:
    from trainers.loop.fit import train

    train(run.recipe, run.options)


def _train_own(options: TrainOptions) -> None:
    from trainers.own.train import train_own

    train_own(options)


def exit_code(train: Callable[[], None]) -> int:
    """Call `train` and return the exit code; prints the user's mistakes in one line."""
    from trainers.loop.memory import as_value_errors
    from trainers.loop.ranks import RANK_LOST, describe_lost_ranks
    from trainers.loop.signals import Stopped

    try:
        with as_value_errors():
            train()
    except Stopped as stopped:
        print(f"stopped: {stopped}; go on with --resume", file=sys.stderr)
        return stopped.code
    except KeyboardInterrupt:  # before the first step or after the last one, with nothing to save
        print("stopped: Ctrl-C; go on with --resume", file=sys.stderr)
        return STOPPED
    except (ValueError, OSError) as error:
        return fail(error)
    except RuntimeError as error:
        if (message := describe_lost_ranks(error)) is None:
            raise
        print(f"error: {message}; go on with --resume", file=sys.stderr, flush=True)
        os._exit(RANK_LOST)  # a normal exit would wait for the ranks that do not answer
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
