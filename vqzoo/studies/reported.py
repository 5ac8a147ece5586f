"""The figures of the papers' tables, as printed."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vqzoo.metrics.table import names
from vqzoo.studies import STUDIES
from vqzoo.studies.settings import Setting

PATH = Path(__file__).with_name("data") / "reported.csv"
OFFERED = (*names("image", "set", "study"), "usage")
"""Metrics of the studies, in the order in which they are offered."""
EVERYTHING = "all"
"""In place of a table's number: every setting of a study that was measured, those that no table has among them."""


@dataclass(frozen=True)
class Row:
    """A row of a table: one setting and what is reported of it, by metric."""

    setting: Setting
    reported: dict[str, float]


@cache
def tables() -> dict[str, dict[str, tuple[Row, ...]]]:
    """Study -> table, as the paper numbers it -> its rows in their order; of all studies, those without a table too.

    Raises ValueError that names the line for a file that was damaged.
    """
    found: dict[str, dict[str, dict[Setting, dict[str, float]]]] = {study: {} for study in STUDIES}
    with PATH.open(encoding="utf-8", newline="") as file:
        for number, line in enumerate(csv.DictReader(file, strict=True), 2):
            try:
                setting, metric, value = Setting.from_row(line), line["metric"], float(line["value"])
                if line["source"] not in STUDIES or metric not in OFFERED or not line["table"]:
                    raise ValueError("unknown study or metric, or no table")
            except (ValueError, TypeError) as error:
                raise ValueError(f"{PATH.name}, line {number}: {error}") from None
            row = found[line["source"]].setdefault(line["table"], {}).setdefault(setting, {})
            if metric in row:
                raise ValueError(f"{PATH.name}, line {number}: {metric} of {setting.label} is given twice")
            row[metric] = value
    return {
        study: {name: tuple(Row(*pair) for pair in rows.items()) for name, rows in of.items()}
        for study, of in found.items()
    }


def by_setting(study: str) -> dict[Setting, dict[str, float]]:
    """Setting -> metric -> value, from all tables of a study; where two of them report it, the later one's."""
    found: dict[Setting, dict[str, float]] = {}
    for rows in tables()[study].values():
        for row in rows:
            found.setdefault(row.setting, {}).update(row.reported)
    return found


@cache
def settings() -> frozenset[Setting]:
    """Every setting of which anything is reported."""
    return frozenset(row.setting for of in tables().values() for rows in of.values() for row in rows)
