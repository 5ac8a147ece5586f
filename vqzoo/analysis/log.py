"""Reader of a training run's metrics.jsonl, also while the run goes on, and the curves that a card stores.

A row is a JSON object with a step: means of the training terms since the previous row, or terms on held-out images
("held_out" is then the loss that selects the best checkpoint), or a warning.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Columns = dict[str, list[float | None]]
"""Name -> values, one for each of the values of "step"; None for steps without a value."""

SELECTION = "selection/"
"""Prefix of a codebook's name, for the share of latents that an adaptive quantizer assigned to it."""
NOT_TERMS = {"step", "loss", "learning_rate", "usage", "perplexity", "images_per_second", "peak_memory_mib"}
"""Columns of training rows that are neither terms of the loss nor selection."""

_HELD_OUT = "held_out/"
_MACHINE = {"images_per_second", "peak_memory_mib"}
_CARD_ROWS = 50  # of training and of held-out rows each


def read(path: Path) -> list[dict[str, Any]]:
    """Return all rows of a metrics.jsonl up to an incomplete line, which a running or killed run leaves at the end."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def columns(rows: Sequence[Mapping[str, Any]]) -> tuple[Columns, Columns]:
    """Return (training columns, held-out columns) of all rows except warnings.

    Held-out terms have the same names as in training; their "loss" is the one that selects checkpoints, and
    "gradient_gap" is one of them. Values that are not finite numbers become None.
    """
    train = [row for row in rows if "held_out" not in row and "warning" not in row]
    held_out = [
        {
            "loss" if key == "held_out" else key.removeprefix(_HELD_OUT): value
            for key, value in row.items()
            if key in ("step", "held_out", "gradient_gap") or key.startswith(_HELD_OUT)
        }
        for row in rows
        if "held_out" in row and "warning" not in row
    ]
    return _columns(train), _columns(held_out)


def curves(path: Path) -> dict[str, Columns]:
    """Return {"train": ..., "held_out": ...} for a card: the `columns` of a metrics.jsonl without speed and memory.

    Of more than fifty rows, fifty evenly spaced ones are returned, first and last included, and also the held-out row
    with the lowest loss. Values have six significant digits.
    """
    train, held_out = columns(read(path))
    for name in _MACHINE:
        train.pop(name, None)
    losses = [math.inf if loss is None else loss for loss in held_out.get("loss", [])]
    best = [losses.index(min(losses))] if losses else []
    return {"train": _few(train), "held_out": _few(held_out, best)}


def thin(steps: Sequence[float], values: Sequence[float], most: int) -> tuple[list[float], list[float]]:
    """Reduce a curve to at most `most` points, the minimum and maximum of each of most // 2 intervals."""
    if len(steps) <= most:
        return list(steps), list(values)
    count = most // 2
    extremes = set()
    for number in range(count):
        interval = range(number * len(steps) // count, (number + 1) * len(steps) // count)
        extremes |= {min(interval, key=values.__getitem__), max(interval, key=values.__getitem__)}
    return [steps[index] for index in sorted(extremes)], [values[index] for index in sorted(extremes)]


def by_size(key: str) -> tuple[int, str]:
    """Return the sort key (size, name) of a codebook's column such as "selection/512 x 128"."""
    digits = key.removeprefix(SELECTION).split(" ")[0].split("x")[0]
    return (int(digits) if digits.isdigit() else 0, key)


def _columns(rows: Sequence[Mapping[str, Any]]) -> Columns:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_number(row.get(name)) for row in rows] for name in names}


def _number(value: Any) -> float | None:
    """Return a finite number, integers as integers; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def _few(table: Columns, also: Iterable[int] = ()) -> Columns:
    rows = len(table.get("step", []))
    last = _CARD_ROWS - 1
    few = {round(n * (rows - 1) / last) for n in range(_CARD_ROWS)} | {*also} if rows > _CARD_ROWS else range(rows)
    return {name: [_rounded(values[index]) for index in sorted(few)] for name, values in table.items()}


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.6g}")
