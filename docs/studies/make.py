"""Make the pages and figures of this folder from the studies' data: `python -m docs.studies.make`."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docs.studies.figures import figures
from docs.studies.pages import claims_table, protocols_table, study_page, verdicts_table
from docs.studies.tables import by_images, factors, ranking, side_by_side
from vqzoo.analysis.measured_codecs import measured_codecs
from vqzoo.hub.registry import list_models
from vqzoo.ops.text import with_table
from vqzoo.studies import STUDIES
from vqzoo.studies.claims import claims
from vqzoo.studies.curves import read_curves
from vqzoo.studies.outside import outside
from vqzoo.studies.results import DATA, Result, read_results

HERE = Path(__file__).parent
POSITIONS = (
    "cifar10-cvq-1024x128",
    "cifar10-cvq-1024x128-sinusoidal",
    "cifar10-cvq-1024x128-learned",
    "flowers-vqgan-1024x256",
    "flowers-vqgan-1024x256-sinusoidal",
)
"""Twins that differ in their positional encoding alone."""


def pages() -> dict[str, str]:
    """File name -> text, of all that is made here."""
    lines, curves, codecs = read_results(), read_curves(), measured_codecs()
    files = {f"{study}.md": study_page(study, lines, curves, codecs, outside) for study in STUDIES}
    text = (HERE / "README.md").read_text(encoding="utf-8")
    text = with_table(text, "verdicts", verdicts_table(claims()))
    text = with_table(text, "claims", claims_table(claims()))
    files["README.md"] = with_table(text, "protocols", protocols_table(lines))
    text = (DATA / "open.md").read_text(encoding="utf-8")
    for name, made in open_tables(lines, codecs).items():
        text = with_table(text, name, made)
    return files | figures(lines, curves) | {"open.md": text}


def open_tables(lines: Sequence[Result], codecs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Tables of open.md by the names of their places."""
    records = {model.name: model.metrics for model in list_models() if model.measured}
    with (DATA / "images.csv").open(encoding="utf-8", newline="") as file:
        runs = list(csv.DictReader(file))
    with (DATA / "first_zoo.csv").open(encoding="utf-8", newline="") as file:
        first = {row["model"]: row["psnr"] for row in csv.DictReader(file)}
    return {
        "ranking-640": ranking(records.values(), codecs, "cifar10", 640, first),
        "ranking-4096": ranking(records.values(), codecs, "cifar10", 4096, first),
        "factors": factors(lines),
        "positions": side_by_side(records, POSITIONS),
        "images": by_images(runs),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
        if name == "open.md":  # the app shows it, too
            (DATA / name).write_text(text, encoding="utf-8")
