"""Build a module by name from a table, and record its full configuration."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from vqzoo.ops.check import check_choice

T = TypeVar("T")


def build_from(table: Mapping[str, Callable[..., T]], what: str, name: str, settings: Mapping[str, Any]) -> T:
    """Return `table[name](**settings)` with `.config` set to the name and all settings, in types that JSON has.

    Defaults are included in `.config`. Raises ValueError for an unknown name or setting (the message offers the nearest
    known one) and for a missing setting.
    """
    builder = table[check_choice(what, name, table)]
    signature = inspect.signature(builder)
    for key in settings:
        check_choice(f"setting of {what} {name!r}", key, signature.parameters)
    try:
        bound = signature.bind(**settings)
    except TypeError as error:
        raise ValueError(f"{what} {name!r}: {error}") from None
    bound.apply_defaults()
    module = builder(**bound.arguments)
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in bound.arguments.items()}
    module.config = {"name": name, **plain}  # type: ignore[attr-defined]
    return module
