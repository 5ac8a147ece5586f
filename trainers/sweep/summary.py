"""The results of a sweep: sweep.csv, and a table to print."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from vqzoo.files.storage import read_json, write_text
from vqzoo.hub.card import METRICS as RECORD
from vqzoo.metrics.table import METRICS, names, show
from vqzoo.ops.text import csv_text

FIGURES = ("bits_per_image", *names("image", table="models"), "usage")
"""Metrics of a card that sweep.csv has columns of."""


@dataclass
class Row:
    """A row of sweep.csv: a run, its minutes in this sweep, and the metrics of its card.

    state: waiting, running, finished, failed, stopped (resumed by the next sweep), skipped or differs (see `decide`).
    """

    name: str
    state: str
    exit_code: int | None = None
    minutes: float | None = None
    images: int | None = None
    seed: int | None = None
    note: str = ""
    metrics: dict[str, float | None] = field(default_factory=dict)

    def read_card(self, cards: Path) -> None:
        """Set images and metrics from the run's card."""
        record = read_json(cards / self.name / RECORD)
        self.images, self.metrics = record["training"]["images"], record["metrics"]

    def to_line(self) -> dict[str, Any]:
        """Return what a line of sweep.csv holds, by its column."""
        columns = {column.name: getattr(self, column.name) for column in fields(self)[:-2]}
        return columns | {name: self.metrics.get(name) for name in FIGURES} | {"note": self.note}


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows to sweep.csv, atomically."""
    lines = [row.to_line() for row in rows]
    write_text(path, csv_text(list(Row("", "").to_line()), [list(line.values()) for line in lines], "\r\n"))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table to print, with the reason below each run that failed or differs."""
    width = max([len(row.name) for row in rows], default=0)
    lines = [f"{'run':{width}}  {'state':8}  {'minutes':>7}  {METRICS['psnr'].head:>8}  {'bits':>8}"]
    for row in rows:
        minutes = "" if row.minutes is None else f"{row.minutes:.1f}"
        psnr, bits = (show(name, row.metrics[name]) if row.metrics else "" for name in ("psnr", "bits_per_image"))
        lines.append(f"{row.name:{width}}  {row.state:8}  {minutes:>7}  {psnr:>8}  {bits:>8}".rstrip())
        if row.state in ("failed", "differs"):
            lines.append(f"  {row.note}")
    return "\n".join(lines)
