"""The command line of `vqzoo train` as text."""

import re
from pathlib import Path

from trainers.own.options import TrainOptions

_REPEATED = (
    "bits",
    "minutes",
    "steps",
    "like",
    "start_from",
    "freeze",
    "set",
    "name",
    "license",
    "fit",
    "config",
    "column",
    "splits",
)
"""Wishes that a model card's command repeats where they are not the defaults."""


def command(options: TrainOptions) -> str:
    """Return the command that does this again."""
    words = ["vqzoo train", _quoted(without_path(options.data))]
    for name in _REPEATED:
        value = getattr(options, name)
        if value != getattr(TrainOptions(options.data), name) and not (name == "minutes" and options.steps):
            text = " ".join(map(_quoted, value)) if isinstance(value, tuple) else _quoted(without_path(str(value)))
            words.append(f"--{name.replace('_', '-')} {text}")
    return " ".join(words)


def without_path(text: str) -> str:
    """Return the name of a folder or file there is, as its path is nobody else's business; any other text as it is."""
    return Path(text).resolve().name if Path(text).exists() else text


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w./=,@-]+", text) else "'" + text.replace("'", "") + "'"
