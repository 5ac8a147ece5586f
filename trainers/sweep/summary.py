"""The results of a sweep: sweep.csv, and a table to print."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from vqzoo.files.storage import read_json, write_text
from vqzoo.hub.card import METRICS, show


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
    bits_per_image: float | None = None
    psnr: float | None = None
    ssim: float | None = None
    lpips: float | None = None
    usage: float | None = None
    note: str = ""

    def read_card(self, cards: Path) -> None:
        """Set images and metrics from the run's card."""
        record = read_json(cards / self.name / METRICS)
        self.images = record["training"]["images"]
        for key in ("bits_per_image", "psnr", "ssim", "lpips", "usage"):
            setattr(self, key, record["metrics"][key])


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows to sweep.csv, atomically."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [column.name for column in fields(Row)])
    writer.writeheader()
    writer.writerows(map(asdict, rows))
    write_text(path, text.getvalue())


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table to print, with the reason below each run that failed or differs."""
    width = max([len(row.name) for row in rows], default=0)
    lines = [f"{'run':{width}}  {'state':8}  {'minutes':>7}  {'PSNR, dB':>8}  {'bits':>8}"]
    for row in rows:
        minutes = "" if row.minutes is None else f"{row.minutes:.1f}"
        psnr = "" if row.psnr is None else show("psnr", row.psnr)
        bits = "" if row.bits_per_image is None else show("bits_per_image", row.bits_per_image)
        lines.append(f"{row.name:{width}}  {row.state:8}  {minutes:>7}  {psnr:>8}  {bits:>8}".rstrip())
        if row.state in ("failed", "differs"):
            lines.append(f"  {row.note}")
    return "\n".join(lines)
