"""The command that trains a tokenizer again, with one thing changed."""

import shlex
from collections.abc import Callable
from dataclasses import replace

import tyro

from trainers.own.command import command
from trainers.own.options import TrainOptions
from trainers.recipes.recipe import Recipe

RetrainCommand = Callable[[str, str], str]
"""From a field of the recipe and its new value, "" for a flag, to the command."""
LENGTH = "twice as long"
"""In place of a field: a training of twice the length."""


def retrain_recipe(recipe: Recipe) -> RetrainCommand:
    """Return what trains a recipe of the table again."""

    def retrain_command(field: str, value: str) -> str:
        changed = f"--steps {2 * recipe.steps}" if field == LENGTH else f"--{field} {value}".rstrip()
        return f"accelerate launch trainers/train.py {recipe.name} {changed}"

    return retrain_command


def retrain_own(options: TrainOptions, name: str) -> RetrainCommand:
    """Return what `vqzoo train` was called with, for a model of another name than `name`."""

    def retrain_command(field: str, value: str) -> str:
        if field == LENGTH:
            longer = replace(options, steps=2 * options.steps, minutes=options.minutes * (1 if options.steps else 2))
            return command(replace(longer, name=f"{name}-2"))
        others = [pair for pair in options.set if pair.partition("=")[0] != field]
        return command(replace(options, name=f"{name}-2", set=(*others, f"{field}={value or 'true'}")))

    return retrain_command


def retrain_from_command(text: str, name: str) -> RetrainCommand:
    """Return the same of a command `vqzoo train ...`, as model cards have it."""
    return retrain_own(tyro.cli(TrainOptions, args=shlex.split(text)[2:]), name)
