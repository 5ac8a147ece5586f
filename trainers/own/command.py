"""The command line of `vqzoo train` as text."""

import re
from pathlib import Path

from trainers.own.options import TrainOptions

_REPEATED = "bits minutes steps like start_from freeze set name license fit config column splits".split()
"""Options that a model card's command repeats if they are not the defaults."""


def command(options: TrainOptions) -> str:
    """Return the command that repeats a training with these options."""
    words = ["vqzoo train", _quoted(without_path(options.data))]
    for name in _REPEATED:
        value = getattr(options, name)
        if value != getattr(TrainOptions(options.data), name) and not (name == "minutes" and options.steps):
            text = " ".join(map(_quoted, value)) if isinstance(value, tuple) else _quoted(without_path(str(value)))
            words.append(f"--{name.replace('_', '-')} {text}")
    return " ".join(words)


def without_path(text: str) -> str:
    """Return the name of an existing folder or file, without its path, which is private; any other text unchanged."""
    return Path(text).resolve().name if Path(text).exists() else text


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w./=,@-]+", text) else "'" + text.replace("'", "") + "'"
