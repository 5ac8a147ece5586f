"""The table of models in docs/zoo.md, generated from each model's metrics.json."""

from collections.abc import Sequence
from typing import Any

from vqzoo.hub.card import show_images
from vqzoo.hub.registry import Model
from vqzoo.metrics.table import METRICS, names, show_of
from vqzoo.ops.text import table_of

_COLUMNS = ("bits_per_image", "share_of_raw", *names("image", table="models"), "usage")


def zoo_table(models: Sequence[Model], codecs: Sequence[dict[str, Any]] = ()) -> str:
    """Return the Markdown table of one data set, sorted by bits; codecs follow models of equal bits.

    A dagger marks a model whose metrics.json names a baseline that is better without training. `codecs` are rows
    written by `trainers.tools.measure_codecs`.
    """
    rows = [((m.metrics["metrics"]["bits_per_image"], False, m.name), _model(m)) for m in models]
    rows += [((c["bits"], True, c["codec"]), _codec(c)) for c in codecs]
    return table_of(["model", *(METRICS[m].head for m in _COLUMNS), "images seen"], [row for _, row in sorted(rows)])


def _model(model: Model) -> list[str]:
    link = f"[{model.name}](model_cards/{model.name}/README.md)"
    mark = " †" if model.metrics.get("behind") else ""
    return _row(link + mark, model.metrics["metrics"], show_images(model.metrics))


def _codec(row: dict[str, Any]) -> list[str]:
    metrics = row["metrics"] | {"usage": None}
    note = f"quality {metrics['quality']:.0f}"
    if metrics["met"] < 1:
        note = f"{1 - metrics['met']:.0%} cannot go so low"
    return _row(f"*{row['codec']} at {row['bits']:,} bits*", metrics, note)


def _row(name: str, metrics: dict[str, Any], last: str) -> list[str]:
    return [name, *(show_of(metric, metrics) for metric in _COLUMNS), last]
