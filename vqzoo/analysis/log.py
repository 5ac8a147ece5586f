"""What a training run wrote down: reading its metrics.jsonl, also while the run goes on, and what a card keeps of it.

A row is a JSON object with a step: means of the training terms since the row before it, or the terms on held-out images
(those have "held_out", the loss that the best checkpoint is chosen by), or a warning.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Columns = dict[str, list[float | None]]
"""Values by the name of what was measured, all as long as that of "step"; None where it did not exist yet."""

SELECTION = "selection/"
"""Before the name of a codebook: the share of the latents that an adaptive quantizer gave to it."""
NOT_TERMS = {"step", "loss", "learning_rate", "usage", "perplexity", "images_per_second", "peak_memory_mib"}
"""What a training row has beside the terms of its loss and the selection."""

_HELD_OUT = "held_out/"
_OF_THE_MACHINE = {"images_per_second", "peak_memory_mib"}
_KEPT = 50  # rows of each kind in a card


def read(path: Path) -> list[dict[str, Any]]:
    """All rows of a metrics.jsonl; a last line that is being written, or that a killed run cut short, is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def columns(rows: Sequence[Mapping[str, Any]]) -> tuple[Columns, Columns]:
    """(training, held out) of all rows but the warnings.

    The held-out terms go by the names that they have in training, "loss" is the one that checkpoints are chosen by;
    "gradient_gap", measured with them, is among them. What is not a finite number is None.
    """
    train = [row for row in rows if "held_out" not in row and "warning" not in row]
    judged = [
        {
            "loss" if key == "held_out" else key.removeprefix(_HELD_OUT): value
            for key, value in row.items()
            if key in ("step", "held_out", "gradient_gap") or key.startswith(_HELD_OUT)
        }
        for row in rows
        if "held_out" in row and "warning" not in row
    ]
    return _columns(train), _columns(judged)


def curves(path: Path) -> dict[str, Columns]:
    """{"train": ..., "held_out": ...} of a metrics.jsonl as a card keeps them: `columns` without the machine's speed.

    Of more than fifty rows fifty are kept, evenly spaced, the first and the last included, and of the held-out ones the
    best as well; six significant digits.
    """
    train, held_out = columns(read(path))
    for name in _OF_THE_MACHINE:
        train.pop(name, None)
    losses = [math.inf if loss is None else loss for loss in held_out.get("loss", [])]
    best = [losses.index(min(losses))] if losses else []
    return {"train": _few(train), "held_out": _few(held_out, best)}


def thin(steps: Sequence[float], values: Sequence[float], most: int) -> tuple[list[float], list[float]]:
    """At most so many points of a curve, with the least and the greatest of each stretch: no spike goes missing."""
    if len(steps) <= most:
        return list(steps), list(values)
    stretches = most // 2
    kept = set()
    for number in range(stretches):
        stretch = range(number * len(steps) // stretches, (number + 1) * len(steps) // stretches)
        kept |= {min(stretch, key=values.__getitem__), max(stretch, key=values.__getitem__)}
    return [steps[place] for place in sorted(kept)], [values[place] for place in sorted(kept)]


def by_size(key: str) -> tuple[int, str]:
    """What codebooks are sorted by, from "selection/512 x 128" or the like: their size, then their name."""
    digits = key.removeprefix(SELECTION).split(" ")[0].split("x")[0]
    return (int(digits) if digits.isdigit() else 0, key)


def _columns(rows: Sequence[Mapping[str, Any]]) -> Columns:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_number(row.get(name)) for row in rows] for name in names}


def _number(value: Any) -> float | None:
    """Steps stay whole numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def _few(table: Columns, also: Iterable[int] = ()) -> Columns:
    rows = len(table.get("step", []))
    last = _KEPT - 1
    places = range(rows) if rows <= _KEPT else sorted({round(n * (rows - 1) / last) for n in range(_KEPT)} | {*also})
    return {name: [_rounded(values[place]) for place in places] for name, values in table.items()}


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.6g}")
