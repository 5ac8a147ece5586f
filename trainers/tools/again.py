"""The command that trains a tokenizer again, with one thing changed."""

import shlex
from collections.abc import Callable
from dataclasses import replace

import tyro

from trainers.own.command import command
from trainers.own.wishes import Wishes
from trainers.recipes.recipe import Recipe

Again = Callable[[str, str], str]
"""From a field of the recipe and its new value, "" for a flag, to the command."""
LENGTH = "twice as long"
"""In place of a field: a training of twice the length."""


def of_recipe(recipe: Recipe) -> Again:
    """Return what trains a recipe of the table again."""

    def again(field: str, value: str) -> str:
        changed = f"--steps {2 * recipe.steps}" if field == LENGTH else f"--{field} {value}".rstrip()
        return f"accelerate launch trainers/train.py {recipe.name} {changed}"

    return again


def of_wishes(wishes: Wishes, name: str) -> Again:
    """Return what `vqzoo train` was called with, for a model of another name than `name`."""

    def again(field: str, value: str) -> str:
        if field == LENGTH:
            longer = replace(wishes, steps=2 * wishes.steps, minutes=wishes.minutes * (1 if wishes.steps else 2))
            return command(replace(longer, name=f"{name}-2"))
        others = [pair for pair in wishes.set if pair.partition("=")[0] != field]
        return command(replace(wishes, name=f"{name}-2", set=(*others, f"{field}={value or 'true'}")))

    return again


def of_command(text: str, name: str) -> Again:
    """Return the same of a command `vqzoo train ...`, as model cards have it."""
    return of_wishes(tyro.cli(Wishes, args=shlex.split(text)[2:]), name)
