"""Measurements of image codecs on the data sets of the models, shipped with the package."""

import json
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).with_name("codecs.json")
"""Rows as `trainers.tools.measure_codecs` writes them."""


def measured_codecs() -> list[dict[str, Any]]:
    """Return a row (codec, dataset, split, resolution, target bits, metrics) per codec, data set and rate."""
    rows: list[dict[str, Any]] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return rows
