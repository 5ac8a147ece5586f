"""Commands that train a tokenizer anew with one setting changed."""

import shlex
from collections.abc import Callable
from dataclasses import replace

import tyro

from trainers.own.command import command
from trainers.own.options import TrainOptions
from trainers.recipes.recipe import Recipe

RetrainCommand = Callable[[str, str], str]
"""(field of the recipe, its new value or "" for a flag) -> command."""
LENGTH = "twice as long"
"""Stands for a field: train for twice as many steps."""


def retrain_recipe(recipe: Recipe) -> RetrainCommand:
    """Return the function that gives commands for a recipe of the table."""

    def retrain_command(field: str, value: str) -> str:
        changed = f"--steps {2 * recipe.steps}" if field == LENGTH else f"--{field} {value}".rstrip()
        return f"accelerate launch trainers/train.py {recipe.name} {changed}"

    return retrain_command


def retrain_own(options: TrainOptions, name: str) -> RetrainCommand:
    """Return the function that gives `vqzoo train` commands; the new model is called `name` with "-2" added."""

    def retrain_command(field: str, value: str) -> str:
        if field == LENGTH:
            longer = replace(options, steps=2 * options.steps, minutes=options.minutes * (1 if options.steps else 2))
            return command(replace(longer, name=f"{name}-2"))
        others = [pair for pair in options.set if pair.partition("=")[0] != field]
        return command(replace(options, name=f"{name}-2", set=(*others, f"{field}={value or 'true'}")))

    return retrain_command


def retrain_from_command(text: str, name: str) -> RetrainCommand:
    """Return the same for the text of a command `vqzoo train ...`, from a model card."""
    return retrain_own(tyro.cli(TrainOptions, args=shlex.split(text)[2:]), name)
