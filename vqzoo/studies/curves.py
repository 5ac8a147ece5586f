"""Curves of runs over training: data/curves.jsonl, one line a run."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vqzoo.files.storage import write_text
from vqzoo.studies.results import PATH as RESULTS

PATH = RESULTS.with_name("curves.jsonl")

Key = tuple[str, str, int]
"""Recipe, budget and seed."""
Curves = Mapping[Key, Mapping[str, Any]]


def read_curves(path: Path = PATH) -> dict[Key, dict[str, Any]]:
    """Return the curves of each run; empty if there is no file.

    "curves" has lists of equal length by name: step, loss (held-out error), gap, quantization, usage, "selection/K x
    d". "use" has the segments and sharing of a shared codebook. Raises ValueError for a damaged line.
    """
    result: dict[Key, dict[str, Any]] = {}
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line)
            result[row["recipe"], row["budget"], row["seed"]] = {"curves": row["curves"], "use": row["use"]}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from None
    return result


def write_curves(curves: dict[Key, dict[str, Any]], path: Path = PATH) -> None:
    """Write all curves, ordered by recipe, budget and seed; the file is whole at any moment."""
    write_text(path, "".join(_lines(curves)))


def _lines(curves: dict[Key, dict[str, Any]]) -> Iterable[str]:
    for (recipe, budget, seed), values in sorted(curves.items()):
        row = {"recipe": recipe, "budget": budget, "seed": seed, **values}
        text = json.dumps(row, separators=(",", ":"))
        yield re.sub(r"(?<=\d)\.0(?=[],])", "", text) + "\n"  # shorter: many are 1.0
