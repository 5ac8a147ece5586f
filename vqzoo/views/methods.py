"""Describe a method in one line, with its paper, and group models by rate; torch is not needed."""

import ast
import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from vqzoo.hub.card import quantizer_names
from vqzoo.hub.registry import Model

_TABLE = Path(__file__).parents[1] / "quantizers" / "table.py"
_RATES = {
    0.25: "up to 0.25 bits a pixel",
    1.0: "0.25 to 1 bits a pixel",
    4.0: "1 to 4 bits a pixel",
    24.0: "4 to 24 bits a pixel",
    math.inf: "more bits than raw pixels",
}
_UNKNOWN = "rate not measured"


@cache
def _methods() -> dict[str, str]:
    """Read the first lines of the builders' docstrings without importing them, as they import torch."""
    functions = [each for each in ast.parse(_TABLE.read_text("utf-8")).body if isinstance(each, ast.FunctionDef)]
    return {each.name: text.splitlines()[0] for each in functions if (text := ast.get_docstring(each))}


def method(model: Model) -> str:
    """Return one line a quantizer of the model: what it is, and its paper."""
    return " ".join(dict.fromkeys(_methods().get(name, f"{name}.") for name in quantizer_names(model.config)))


def bits_per_pixel(model: Model) -> float | None:
    """Return the true bits per pixel of the model's test images; None for a model that was not measured."""
    bits: float | None = model.metrics.get("metrics", {}).get("bits_per_pixel")
    return bits


def about(model: Model) -> str:
    """Return the tooltip of a model: its method and paper, what it was trained on, and its rate."""
    dataset, bits = model.metrics.get("dataset"), bits_per_pixel(model)
    side = model.config.get("resolution")
    verb = "Fitted" if model.networkless else "Trained"
    trained = f" {verb} on {dataset}, {side} × {side} pixels." if dataset else ""
    return f"{method(model)}{trained}" + ("" if bits is None else f" {bits:.3g} bits a pixel.")


def by_rate(models: Iterable[Model]) -> dict[str, list[Model]]:
    """Group models by true bits per pixel, lowest first; those that were not measured come last."""
    groups: dict[str, list[Model]] = {label: [] for label in (*_RATES.values(), _UNKNOWN)}
    for model in models:
        bits = bits_per_pixel(model)
        label = _UNKNOWN if bits is None else next(text for most, text in _RATES.items() if bits <= most)
        groups[label].append(model)
    return {label: group for label, group in groups.items() if group}
