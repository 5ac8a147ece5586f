"""Train a prior: accelerate launch trainers/prior.py ar-small --tokens FOLDER [--label label] [--resume] ...

FOLDER is what `vqzoo tokenize` wrote. The first word is the name of a prior and of a size: tiny, small or base.
"""

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from trainers.errors import fail
from trainers.priors.options import PriorOptions
from trainers.priors.recipe import PriorRecipe, prior_recipe
from trainers.train import exit_code


@dataclass(frozen=True)
class Run:
    """The command line after the prior's name: options and fields of the recipe, both without a prefix."""

    options: Annotated[PriorOptions, tyro.conf.arg(name="")]
    recipe: Annotated[PriorRecipe, tyro.conf.arg(name="")]


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    try:
        default = Run(PriorOptions(), prior_recipe(arguments[0]))
        run = tyro.cli(Run, default=default, args=arguments[1:], prog=f"prior.py {arguments[0]}")
        if run.options.tokens == PriorOptions().tokens:
            raise ValueError("--tokens: expected a folder that `vqzoo tokenize` wrote")
    except ValueError as error:
        return fail(error)
    return exit_code(lambda: _train(arguments[0], run))


def _train(prior: str, run: Run) -> None:
    from trainers.priors.run import train_prior  # torch and datasets, which help and mistakes need not wait for

    train_prior(prior, run.recipe, run.options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
