"""Draw every model card, and the tables of README.md and docs/zoo.md, from the numbers: `python docs/draw.py`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vqzoo.analysis.measured_codecs import measured_codecs
from vqzoo.files.remote import CARD
from vqzoo.files.storage import write_json
from vqzoo.hub.baseline import with_baseline
from vqzoo.hub.card import METRICS, model_card, show
from vqzoo.hub.registry import Model, list_models
from vqzoo.hub.table import zoo_table
from vqzoo.ops.text import table_of, with_table

DOCS = Path(__file__).parent
README = DOCS.parent / "README.md"
ZOO = DOCS / "zoo.md"


def with_tables(text: str) -> str:
    """Return the text of docs/zoo.md with a table of each data set: the models, and the image codecs at their bits."""
    codecs = measured_codecs()
    for dataset in sorted({model.metrics["dataset"] for model in list_models()}):
        models = [model for model in list_models() if model.metrics["dataset"] == dataset]
        table = zoo_table(models, [row for row in codecs if row["dataset"] == dataset])
        text = with_table(text, dataset, table.replace("](model_cards/", "](../model_cards/"))
    return text


def with_choices(text: str) -> str:
    """Return the text of README.md with the table of what to take at which rate."""
    return with_table(text, "take", choices(list_models(), measured_codecs()))


def choices(models: Sequence[Model], codecs: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table of the model or codec with the lowest LPIPS at each rate, and the best of the other kind.

    It has a row for each data set and rate at which `trainers.tools.measure_codecs` measured image codecs.
    """
    rows = []
    for dataset, side, bits in sorted({(row["dataset"], row["resolution"], row["bits"]) for row in codecs}):
        kinds = [
            [(f"[{m.name}](model_cards/{m.name}/README.md)", m.metrics) for m in models],
            # A codec that cannot make every image as small as was asked for is no choice at that rate.
            [(row["codec"], row) for row in codecs if row["metrics"]["met"] == 1],
        ]
        best = [_best(options, dataset, bits) for options in kinds]
        best = sorted(filter(None, best), key=lambda option: option[1]["lpips"])
        (name, metrics), *others = best
        other = "no codec has so few bits"
        for second, its_metrics in others:
            other = f"{second}: {' dB, '.join(_shown(its_metrics))}"
        rows.append([f"{dataset}, {side} x {side}", f"{bits / side**2:.3g}", name, *_shown(metrics), other])
    return table_of(["images", "bits a pixel", "take", "PSNR, dB", "LPIPS", "instead of"], rows, texts=6)


def _best(options: Sequence[tuple[str, dict[str, Any]]], dataset: str, bits: int) -> tuple[str, dict[str, Any]] | None:
    """Return the name and metrics of the option with the lowest LPIPS that costs at most so many bits an image."""
    measured = [(name, record["metrics"]) for name, record in options if record["dataset"] == dataset]
    affordable = [(name, m) for name, m in measured if m["bits_per_image"] <= bits and m["lpips"] is not None]
    return min(affordable, key=lambda option: option[1]["lpips"], default=None)


def _shown(metrics: dict[str, Any]) -> list[str]:
    return [show(metric, metrics[metric]) for metric in ("psnr", "lpips")]


if __name__ == "__main__":
    models = list_models()
    for model in models:
        record = with_baseline(model, models)
        write_json(model.source / METRICS, record)
        (model.source / CARD).write_text(model_card(record, model.config), encoding="utf-8")
    for page, drawn in ((README, with_choices), (ZOO, with_tables)):
        page.write_text(drawn(page.read_text(encoding="utf-8")), encoding="utf-8")
