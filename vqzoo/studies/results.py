"""What was measured here: data/results.csv, a line a run and setting.

A run that is two settings of the tables (the adaptive quantizer is a row of two of them) has two lines; a setting that
several tables report has one, as a table looks its rows up by their settings.
"""

import csv
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqzoo.metrics.table import names
from vqzoo.ops.text import csv_text
from vqzoo.studies import STUDIES
from vqzoo.studies.settings import COLUMNS, Setting

DATA = Path(__file__).with_name("data")
PATH = DATA / "results.csv"
RETRAINED = DATA / "retrained" / "results.csv"
"""Rows at the budgets of trainers/studies/budgets.py; those of `PATH`, trained more briefly with Adam, stay until all
of these are there."""

BUDGETS = ("zoo", "short", "long", "full")
"""As they stand beside each other; of a setting the last that there is counts. zoo: a shipped checkpoint, trained as
long as there was time; short: the same few steps for all rows of a table; long: many times as many images; full: the
paper's epochs."""
TRAINED = BUDGETS[1:]
"""Those that rows of the tables are trained by; shipped checkpoints have each its own length."""
_TEXTS = ("budget", "protocol", "lpips_network", "device", "torch")
_MEASURED = (*names("image", "set"), "reconstruction_loss", "bits_per_image", "usage", "perplexity")
NUMBERS = ("share", "seed", *_MEASURED, "steps", "images", "seconds")
_WHOLE = ("seed", "steps", "images")
_DIGITS = {"share": 3, "seconds": 4}
"""Of what is no more exact than that; 6 of all else."""
FIELDS = ("recipe", *COLUMNS, "budget", "share", "seed", "protocol", *_MEASURED, "lpips_network")
FIELDS += ("steps", "images", "seconds", "device", "torch")
"""Columns, in their order. share: images seen over those of the paper's budget. bits_per_image: true bits."""


@dataclass(frozen=True)
class Result:
    """One line. numbers: by `NUMBERS`, without those that were not measured."""

    recipe: str
    setting: Setting
    budget: str
    protocol: str
    numbers: dict[str, float] = field(default_factory=dict)
    lpips_network: str = ""
    device: str = ""
    torch: str = ""


def result(recipe: str, setting: Setting, budget: str, protocol: str, said: Mapping[str, Any]) -> Result:
    """A line of what is said of a run: numbers by `NUMBERS`, the network of LPIPS, device and torch; all else is left
    out, and so is what was not measured."""
    numbers = {name: said[name] for name in NUMBERS if said.get(name) is not None}
    return Result(
        recipe, setting, budget, protocol, numbers, said.get("lpips_network") or "", said["device"], said["torch"]
    )


def read_results(path: Path = PATH) -> list[Result]:
    """All lines; none where there is no file. Raises ValueError that names the line that is wrong, and how."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        head = set(reader.fieldnames or ())  # a metric that is newer than the file has no column
        if head - set(FIELDS) or set(FIELDS) - head - set(_MEASURED):
            raise ValueError(f"{path.name}: expected the columns {', '.join(FIELDS)}")
        found = []
        for number, line in enumerate(reader, 2):
            try:
                found.append(_result(line))
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from None
    return found


def write_results(results: Iterable[Result], path: Path = PATH) -> None:
    """Write all of them, ordered; the file is whole at any moment: it is written beside and renamed."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(to_csv(results), encoding="utf-8")
    os.replace(partial, path)


def to_csv(results: Iterable[Result]) -> str:
    """The text of the file, ordered by study, data set, setting, budget and seed."""
    rows = []
    for result in sorted(results, key=_order):
        texts = {name: getattr(result, name) for name in ("recipe", *_TEXTS)}
        numbers = {
            name: f"{result.numbers[name]:.{_DIGITS.get(name, 6)}g}" for name in NUMBERS if name in result.numbers
        }
        numbers |= {name: f"{result.numbers[name]:.0f}" for name in _WHOLE if name in result.numbers}
        row = texts | result.setting.to_row() | numbers
        rows.append([row.get(field) for field in FIELDS])
    return csv_text(FIELDS, rows)


def _order(result: Result) -> tuple:
    sizes = tuple(-1 if size is None else size for size in result.setting[3:])
    budget = BUDGETS.index(result.budget)
    return (*result.setting[:3], *sizes, budget, result.numbers.get("seed", -1), result.protocol, result.recipe)


def _result(line: dict[str, str]) -> Result:
    setting = Setting.from_row(line)
    if setting.source not in STUDIES:
        raise ValueError(f"source={setting.source!r}: expected one of {', '.join(STUDIES)}")
    if line["budget"] not in BUDGETS:
        raise ValueError(f"budget={line['budget']!r}: expected one of {', '.join(BUDGETS)}")
    if not line["recipe"] or not line["protocol"]:
        raise ValueError("a line needs its recipe and protocol")
    numbers = {name: float(line[name]) for name in NUMBERS if line.get(name)}
    if not all(map(math.isfinite, numbers.values())):
        raise ValueError("a number is not finite")
    texts = {name: line[name] for name in _TEXTS}
    return Result(line["recipe"], setting, numbers=numbers, **texts)
