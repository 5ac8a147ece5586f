"""What was measured here: data/results.csv, one line per run and setting.

A run that has two settings (the adaptive quantizer is a row of two tables) has two lines. A setting that several tables
report has one, because a table finds its rows by their settings.
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqzoo.files.storage import write_text
from vqzoo.metrics.table import names
from vqzoo.ops.text import csv_text
from vqzoo.studies import STUDIES
from vqzoo.studies.settings import COLUMNS, Setting

DATA = Path(__file__).with_name("data")
PATH = DATA / "results.csv"
RETRAINED = DATA / "retrained" / "results.csv"
"""Rows at the budgets of trainers/studies/budgets.py.

The rows of `PATH`, trained more briefly with Adam, stay until this file is complete.
"""

BUDGETS = ("zoo", "short", "long", "full")
"""Budgets, shortest first; the longest that a setting has counts.

zoo: a shipped checkpoint, with a length of its own.
short: the same few steps for all rows of a table.
long: many times as many images.
full: the paper's epochs.
"""
TRAINED = BUDGETS[1:]
"""Budgets of the rows of the tables, without the shipped checkpoints."""
_TEXTS = ("budget", "protocol", "lpips_network", "device", "torch")
_MEASURED = (*names("image", "set"), "reconstruction_loss", "bits_per_image", "usage", "perplexity")
NUMBERS = ("share", "seed", *_MEASURED, "steps", "images", "seconds")
_WHOLE = ("seed", "steps", "images")
_DIGITS = {"share": 3, "seconds": 4}
"""Significant digits; 6 for all other columns."""
FIELDS = ("recipe", *COLUMNS, "budget", "share", "seed", "protocol", *_MEASURED, "lpips_network")
FIELDS += ("steps", "images", "seconds", "device", "torch")
"""Columns, in their order. share: images seen over those of the paper's budget. bits_per_image: true bits."""


@dataclass(frozen=True)
class Result:
    """One line.

    numbers: values by `NUMBERS`, without those that were not measured.
    """

    recipe: str
    setting: Setting
    budget: str
    protocol: str
    numbers: dict[str, float] = field(default_factory=dict)
    lpips_network: str = ""
    device: str = ""
    torch: str = ""


def result(recipe: str, setting: Setting, budget: str, protocol: str, measured: Mapping[str, Any]) -> Result:
    """Return a line from the measurements of a run.

    `measured` has numbers by `NUMBERS`, the LPIPS network, device and torch; other entries and missing numbers are
    ignored.
    """
    numbers = {name: measured[name] for name in NUMBERS if measured.get(name) is not None}
    network = measured.get("lpips_network") or ""
    return Result(recipe, setting, budget, protocol, numbers, network, measured["device"], measured["torch"])


def read_results(path: Path = PATH) -> list[Result]:
    """Return all lines, none if there is no file; a ValueError says which line is wrong, and how."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        head = set(reader.fieldnames or ())  # a metric that is newer than the file has no column
        if head - set(FIELDS) or set(FIELDS) - head - set(_MEASURED):
            raise ValueError(f"{path.name}: expected the columns {', '.join(FIELDS)}")
        results = []
        for number, line in enumerate(reader, 2):
            try:
                results.append(_result(line))
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from None
    return results


def write_results(results: Iterable[Result], path: Path = PATH) -> None:
    """Write all lines, ordered; the file is whole at any moment."""
    write_text(path, to_csv(results))


def to_csv(results: Iterable[Result]) -> str:
    """Return the text of the file, ordered by study, data set, setting, budget and seed."""
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


def _order(result: Result) -> tuple[Any, ...]:
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
