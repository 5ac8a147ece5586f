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
"""In place of a table's number: every measured setting of a study, also those in no table."""


@dataclass(frozen=True)
class Row:
    """A row of a table: a setting and its reported figures by metric."""

    setting: Setting
    reported: dict[str, float]


@cache
def tables() -> dict[str, dict[str, tuple[Row, ...]]]:
    """Return study -> table number in the paper -> rows in their order; every study is a key.

    A ValueError names the line of a damaged file.
    """
    result: dict[str, dict[str, dict[Setting, dict[str, float]]]] = {study: {} for study in STUDIES}
    with PATH.open(encoding="utf-8", newline="") as file:
        for number, line in enumerate(csv.DictReader(file, strict=True), 2):
            try:
                setting, metric, value = Setting.from_row(line), line["metric"], float(line["value"])
                if line["source"] not in STUDIES or metric not in OFFERED or not line["table"]:
                    raise ValueError("unknown study or metric, or no table")
            except (ValueError, TypeError) as error:
                raise ValueError(f"{PATH.name}, line {number}: {error}") from None
            row = result[line["source"]].setdefault(line["table"], {}).setdefault(setting, {})
            if metric in row:
                raise ValueError(f"{PATH.name}, line {number}: {metric} of {setting.label} is given twice")
            row[metric] = value
    return {
        study: {name: tuple(Row(*pair) for pair in rows.items()) for name, rows in of.items()}
        for study, of in result.items()
    }


def by_setting(study: str) -> dict[Setting, dict[str, float]]:
    """Return setting -> metric -> value over all tables of a study; the last table wins."""
    result: dict[Setting, dict[str, float]] = {}
    for rows in tables()[study].values():
        for row in rows:
            result.setdefault(row.setting, {}).update(row.reported)
    return result


@cache
def settings() -> frozenset[Setting]:
    """Return every setting with a reported figure."""
    return frozenset(row.setting for of in tables().values() for rows in of.values() for row in rows)
