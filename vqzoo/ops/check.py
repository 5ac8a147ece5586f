"""Checks of arguments; each error message names the argument, its value and what would be right."""

import difflib
import re
import sys
from collections.abc import Iterable

_NEAREST = 3
_FEW = 8
"""Up to this many choices are all listed; a longer list would not help."""
_SHA = re.compile(r"[0-9a-f]{40}")


def is_sha(text: object) -> bool:
    """Return whether a value is the full SHA-1 of a commit: 40 hexadecimal digits."""
    return isinstance(text, str) and _SHA.fullmatch(text) is not None


def check_int(name: str, value: object, low: int, high: int) -> int:
    """Return `value` if it is an int in [low, high]; raise ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name}={value!r}: expected a whole number from {low} to {high}")
    return value


def check_fraction(name: str, value: object) -> float:
    """Return `value` as a float if it is a number in [0, 1); raise ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{name}={value!r}: expected a number from 0 up to, and not including, 1")
    return float(value)


def check_positive(name: str, value: object, or_zero: bool = False) -> float:
    """Return `value` as a float if it is finite and above 0; raise ValueError otherwise.

    With `or_zero`, 0 is allowed as well.
    """
    low = "at least 0" if or_zero else "above 0"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # An int can exceed the largest float.
    if not number or not 0 <= value <= sys.float_info.max or (value == 0 and not or_zero):  # type: ignore[operator]
        raise ValueError(f"{name}={value!r}: expected a finite number {low}")
    return float(value)  # type: ignore[arg-type]


def check_flag(name: str, value: object) -> bool:
    """Return `value` if it is a bool; raise ValueError otherwise."""
    if not isinstance(value, bool):
        raise ValueError(f"{name}={value!r}: expected True or False")
    return value


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`; raise ValueError otherwise.

    The message offers the nearest three choices, and lists all of them where they are few.
    """
    choices = list(choices)
    if value in choices:
        return str(value)
    near = difflib.get_close_matches(str(value), choices, n=_NEAREST, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else ""
    if not choices:
        hint = "there are none"
    elif len(choices) <= _FEW:
        hint = f"{hint} known: {', '.join(choices)}".lstrip()
    elif not near:
        hint = f"known: {', '.join(choices[:_NEAREST])} and {len(choices) - _NEAREST} more"
    raise ValueError(f"{name}={value!r}: {hint}")
