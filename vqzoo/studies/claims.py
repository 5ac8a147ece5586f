"""The claims of the studies and the verdicts on them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from vqzoo.studies import STUDIES
from vqzoo.studies.reported import EVERYTHING, OFFERED, tables
from vqzoo.studies.results import Result, read_results

PATH = Path(__file__).with_name("data") / "claims.json"

Verdict = Literal["holds", "does not hold", "only under", "not tested"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Figure:
    """The view on the page of studies that shows a claim; `table` is the paper's number, or `EVERYTHING`."""

    table: str
    dataset: str
    metric: str


@dataclass(frozen=True)
class Claim:
    """A claim of a study and its verdict.

    claim: the claim in our words.
    because: reason for the verdict; the condition of "only under", or why it was not tested.
    rows: recipes in results.csv that are its evidence.
    command: command that measures it.
    """

    id: str
    study: str
    claim: str
    verdict: Verdict
    because: str
    rows: tuple[str, ...]
    figure: Figure | None
    command: str


@cache
def claims() -> tuple[Claim, ...]:
    """Return all claims; a ValueError names the claim whose entry is wrong."""
    entries = json.loads(PATH.read_text(encoding="utf-8"))
    result = tuple(_claim(entry) for entry in entries)
    if len({claim.id for claim in result}) < len(result):
        raise ValueError(f"{PATH.name}: a claim is given twice")
    return result


def evidence(claim: Claim, results: Sequence[Result] | None = None) -> list[Result]:
    """Return the lines of results.csv that a claim rests on; raise ValueError if one is missing."""
    lines = read_results() if results is None else results
    known = {line.recipe for line in lines}
    if missing := [row for row in claim.rows if row not in known]:
        raise ValueError(f"claim {claim.id} rests on {missing[0]}, which results.csv does not have")
    return [line for line in lines if line.recipe in claim.rows and line.setting.source == claim.study]


def _claim(entry: dict[str, Any]) -> Claim:
    where = f"{PATH.name}, {entry.get('id')}"
    if entry.keys() != set(Claim.__dataclass_fields__):
        raise ValueError(f"{where}: expected {', '.join(Claim.__dataclass_fields__)}")
    if entry["study"] not in STUDIES or entry["verdict"] not in VERDICTS:
        raise ValueError(f"{where}: unknown study or verdict")
    if not entry["claim"] or not entry["because"] or not entry["command"]:
        raise ValueError(f"{where}: claim, because and command cannot be empty")
    if entry["verdict"] != "not tested" and not entry["rows"]:
        raise ValueError(f"{where}: a verdict needs rows of results.csv")
    figure = Figure(**entry["figure"]) if entry["figure"] else None
    if figure:
        reported = [
            row.setting.dataset
            for row in tables()[entry["study"]].get(figure.table, ())
            if figure.metric in row.reported
        ]
        if figure.table != EVERYTHING and figure.dataset not in reported:
            raise ValueError(f"{where}: no table {figure.table} with {figure.metric} on {figure.dataset}")
        assert figure.metric in OFFERED
    return Claim(**{**entry, "rows": tuple(entry["rows"]), "figure": figure})
