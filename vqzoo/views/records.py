"""A comparison as data for programs: a record of numbers for each model and codec."""

from typing import Any

from vqzoo.analysis.formats import parse_label
from vqzoo.analysis.result import COSTS, Result
from vqzoo.metrics.table import names
from vqzoo.views.engine import Engine
from vqzoo.views.methods import method

NUMBERS = (*names("image", "rate", "usage"), *COSTS, "parameters")
"""Keys of a record that hold a number, or null where there is none."""


def record(engine: Engine, name: str, result: Result) -> dict[str, Any]:
    """Return the name, kind ("model", "codec" or "PCA"), description and numbers of one reconstruction.

    LPIPS is null without its weights, times are in milliseconds, bits are true bits, and `share_of_raw` and `usage` are
    in [0, 1]. A codec's `quality` is the setting with which it met the bits, null for models.
    """
    codec = parse_label(name)
    model = engine.models.get(name)
    kind = "model" if codec is None else "PCA" if codec[0] == "PCA" else "codec"
    values = {key: _plain(result.metrics.get(key)) for key in (*NUMBERS, "quality")}
    return {"name": name, "kind": kind, "about": method(model) if model else "", **values}


def _plain(value: Any) -> float | int | None:
    return value if value is None or isinstance(value, (int, float)) else float(value)
