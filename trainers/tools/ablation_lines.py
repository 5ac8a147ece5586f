"""The results of the ablation: the lines of docs/training_fast.csv."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vqzoo.files.storage import write_text
from vqzoo.ops.text import csv_text

PATH = Path(__file__).parents[2] / "docs" / "training_fast.csv"
FIELDS = (
    *("quantizer", "factor", "setting", "seed", "images", "steps", "psnr", "lpips", "usage"),
    *("seconds", "device", "torch"),
)


def read_lines(path: Path = PATH) -> list[dict[str, str]]:
    """Return the lines of the CSV; none if there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_lines(lines: Sequence[dict[str, Any]], path: Path = PATH) -> None:
    """Write the CSV."""
    write_text(path, csv_text(FIELDS, ([line.get(field) for field in FIELDS] for line in lines)))


def psnr_by_seed(lines: Sequence[Mapping[str, str]]) -> dict[tuple[str, str, str], dict[str, float]]:
    """Return (quantizer, factor, setting) -> seed -> PSNR in dB."""
    psnr: dict[tuple[str, str, str], dict[str, float]] = {}
    for line in lines:
        psnr.setdefault((line["quantizer"], line["factor"], line["setting"]), {})[line["seed"]] = float(line["psnr"])
    return psnr
