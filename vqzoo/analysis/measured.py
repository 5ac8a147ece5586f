"""What was measured of image codecs on the data sets of the models."""

import json
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).with_name("codecs.json")
"""Rows as `trainers.tools.measure_codecs` writes them."""


def measured_codecs() -> list[dict[str, Any]]:
    """A row of each codec, data set and rate: codec, dataset, split, resolution, bits (asked for), metrics."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))
