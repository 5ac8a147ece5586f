"""Train one recipe: accelerate launch trainers/train.py RECIPE [--steps 3000] [--batch-size 64] [--resume] ..."""

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from trainers.options import Options
from trainers.recipe import Recipe
from trainers.recipes import RECIPES, get_recipe


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
    try:
        recipe = get_recipe(arguments[0])
        run = tyro.cli(Run, default=Run(recipe), args=arguments[1:], prog=f"train.py {recipe.name}")
    except ValueError as error:
        return _fail(error)
    return _train(run)


def _train(run: Run) -> int:
    """Train; imports torch and the data library only now, so that help and a wrong option answer at once."""
    from trainers.loop import train
    from trainers.signals import Stopped

    try:
        train(run.recipe, run.options)
    except Stopped as stopped:
        print(f"stopped: {stopped}; go on with --resume", file=sys.stderr)
        return stopped.code
    except (ValueError, FloatingPointError, OSError) as error:
        return _fail(error)
    return 0


def _fail(error: Exception) -> int:
    print("error:", " ".join(str(error).split()), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
