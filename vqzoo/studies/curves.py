"""What was kept of runs over training: data/curves.jsonl, a line a run."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vqzoo.studies.results import PATH as RESULTS

PATH = RESULTS.with_name("curves.jsonl")

Key = tuple[str, str, int]
"""Recipe, budget, seed."""
Curves = Mapping[Key, Mapping[str, Any]]


def read_curves(path: Path = PATH) -> dict[Key, dict[str, Any]]:
    """Of each run: "curves", by name: step, loss (held-out error), gap, quantization, usage, "selection/K x d", lists
    of one length; "use": of a shared codebook segments and sharing. Empty where there is no file; ValueError for a
    line that is damaged."""
    found = {}
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = json.loads(line)
            found[row["recipe"], row["budget"], row["seed"]] = {"curves": row["curves"], "use": row["use"]}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from None
    return found


def write_curves(found: dict[Key, dict[str, Any]], path: Path = PATH) -> None:
    """Write all of them, ordered by recipe, budget and seed; the file is whole at any moment."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text("".join(_lines(found)), encoding="utf-8")
    os.replace(partial, path)


def _lines(found: dict[Key, dict[str, Any]]) -> Iterable[str]:
    for (recipe, budget, seed), kept in sorted(found.items()):
        row = {"recipe": recipe, "budget": budget, "seed": seed, **kept}
        text = json.dumps(row, separators=(",", ":"))
        yield re.sub(r"(?<=\d)\.0(?=[],])", "", text) + "\n"  # many are 1.0
