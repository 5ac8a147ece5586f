"""Override fields of a recipe, and settings of its quantizer or autoencoder that the recipe does not list."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from typing import Any, get_args

import tyro

from trainers.own.plan import WEIGHTS
from trainers.recipes.recipe import Recipe, Settings
from vqzoo.ops.check import check_choice

_FLAG = re.compile(r"--(quantizer|autoencoder)\.([A-Za-z0-9_-]+)(?:=(.*))?")
_NOT_SETTINGS = {"dim", "channels", "latent_dim"}
"""Parameters that fields of the recipe set."""


def with_settings(recipe: Recipe, arguments: Sequence[str]) -> Recipe:
    """Return the recipe with every setting that the arguments name, at its default unless the recipe sets it.

    tyro, which makes flags of a recipe's fields, then has a flag for each setting. After `--quantizer.name` or
    `--autoencoder.name` the recipe keeps those settings that the new class takes. Raises ValueError with the nearest
    names for an unknown setting.
    """
    for part in ("quantizer", "autoencoder"):
        given = _given(part, arguments)
        settings: Settings = getattr(recipe, part)
        if set(given) <= set(settings) - {"name"}:
            continue
        name = given.get("name") or str(settings["name"])
        recipe = replace(recipe, **{part: _completed(part, name, settings, given)})  # type: ignore[arg-type]
        if part == "quantizer" and name != settings["name"]:
            recipe = replace(recipe, weights={**WEIGHTS, **recipe.weights})
    return recipe


def with_fields(recipe: Recipe, pairs: Sequence[str]) -> Recipe:
    """Return the recipe with fields from texts such as "quantizer.revival=restart" or "learning-rate=0.01".

    Items of a list are separated by spaces. Raises ValueError for a text of another form, an unknown field or a value
    of another type.
    """
    arguments = []
    for pair in pairs:
        field, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"set={pair!r}: expected FIELD=VALUE, as learning-rate=0.01")
        check_choice("field of the recipe", field.partition(".")[0].replace("-", "_"), Recipe.__dataclass_fields__)
        arguments += field_arguments(field, value)
    try:
        with redirect_stderr(StringIO()):
            return tyro.cli(Recipe, default=with_settings(recipe, arguments), args=arguments)
    except SystemExit:
        raise ValueError(f"set={' '.join(pairs)!r}: an unknown field, or a value that does not fit") from None


def field_arguments(field: str, value: str) -> list[str]:
    """Return the arguments that set a field: --field or --no-field for true and false, several words for a list."""
    group, dot, last = field.rpartition(".")
    flags = {"true": [f"--{field}"], "false": [f"--{group}{dot}no-{last}"]}
    return flags.get(value.lower(), [f"--{field}", *value.split()])


def _given(part: str, arguments: Sequence[str]) -> dict[str, str]:
    """Return the settings of a part that the arguments name, with the argument after each."""
    given = {}
    for argument, value in pairwise([*arguments, ""]):
        match = _FLAG.fullmatch(argument)
        if match and match[1] == part:
            given[match[2].replace("-", "_")] = value if match[3] is None else match[3]
    return given


def _completed(part: str, name: str, settings: Settings, given: Mapping[str, str]) -> Settings:
    from vqzoo.autoencoders.table import AUTOENCODERS  # and torch, which takes seconds
    from vqzoo.quantizers import QUANTIZERS

    table: Mapping[str, Callable[..., Any]] = QUANTIZERS if part == "quantizer" else AUTOENCODERS
    parameters = inspect.signature(table[check_choice(part, name, table)]).parameters
    known = [key for key in parameters if key not in _NOT_SETTINGS]
    kept_settings = {key: value for key, value in settings.items() if key in known}
    for key in given:
        if key != "name":
            check_choice(f"setting of {part} {name!r}", key, known)
            kept_settings.setdefault(key, _default(parameters[key]))
    return {"name": name, **kept_settings}


def _default(parameter: inspect.Parameter) -> Any:
    """Return the default of a parameter, or a placeholder of its type for the command line to replace."""
    if parameter.default not in (None, inspect.Parameter.empty):
        return parameter.default
    kinds = " ".join(map(str, (parameter.annotation, *get_args(parameter.annotation))))
    if "tuple" in kinds or "Sequence" in kinds:
        return (0,)
    return 0 if "int" in kinds else ""
