"""Sentences of the Choose page: what a model is good for, how it was trained, and why the answer is what it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vqzoo.analysis.formats import parse_label
from vqzoo.hub.card import trained_clause
from vqzoo.hub.registry import Model
from vqzoo.metrics.table import METRICS, show
from vqzoo.views.levels import num_levels

if TYPE_CHECKING:
    from vqzoo.quantizers.cost import Cost
    from vqzoo.views.choice import Choice


def use(model: Model, cost: "Cost") -> str:
    """Return what a model is good for, from what its tokens are: `cost` is that of one photograph."""
    if model.networkless:
        what = "principal components" if model.linear else "blocks of pixels"
        return f"A baseline without a network, of {what}: what a trained model has to beat."
    a_cell = cost.indices / cost.latents
    size = f"{cost.indices:,} tokens of {cost.codebook_size:,} values"
    levels = num_levels(model)
    if levels > 1:
        return f"Coarse to fine, in {levels} levels whose first give a rough picture alone: {size}."
    if a_cell > 1:
        return f"Compression, with {a_cell:g} tokens a cell; a long sequence for a generator: {size}."
    if not any(book.stored for book in cost.books):
        return f"Generators, without a codebook to learn, so that none of it is dead: {size}."
    return f"Generators, with one token a cell: {size}."


def trained(model: Model) -> str:
    """Return on which images a model was trained and measured, and how long it was trained."""
    record = model.metrics
    if "dataset" not in record:
        return "Its card does not say on which images it was trained."
    training, side = record.get("training", {}), model.config["resolution"]
    parts = [f"Trained on {record['dataset']}, {side} × {side} pixels"]
    if "images" in training:
        parts.append(f"{training['images']:,} images")
    if "seconds" in training:
        parts.append(f"{training['seconds'] / 60:.0f} minutes, {trained_clause(record)}")
    text = f"{', '.join(parts)}."
    measured: dict[str, Any] = record.get("metrics", {})
    if measured.get("psnr") is None:
        return text
    number = f"{measured['num_images']:,} " if "num_images" in measured else ""
    figures = METRICS["psnr"].with_unit(measured["psnr"])
    if measured.get("lpips") is not None:
        figures += f", {METRICS['lpips'].with_unit(measured['lpips'])}"
    return f"{text} On {number}images of its own test split: {figures}."


def headline(choices: Sequence["Choice"], codec: "Choice | None", wish: str, quality: bool, order: str) -> str:
    """Return the answer in two or three sentences: the first model, and the image codec beside it."""
    first = choices[0]
    text = f"For {wish}, take {first.name}: {_quality(first)} at {_rate(first)}."
    if not first.meets:
        lacking = f"reaches {wish} on this photograph" if quality else "has so few bits"
        text = f"No model here {lacking}; {first.name} comes nearest: {_quality(first)} at {_rate(first)}."
    if codec is None:
        return text
    parsed = parse_label(codec.name)
    assert parsed is not None
    if not codec.meets:
        return f"{text} No image codec here has so few bits: the smallest file, of {parsed[0]}, takes {_rate(codec)}."
    better = METRICS[order].sign * (codec.result.metrics[order] - first.result.metrics[order]) > 0
    compared = "is closer to the photograph" if better else "is not as close to it"
    return f"{text} {parsed[0]} at the same bits {compared}: {_quality(codec)}."


def selection_rule(wish: str, quality: bool, order: str, tried: int, known: int) -> str:
    """Return the rule by which models were tried and ordered."""
    metric = METRICS[order]
    by = f"{metric.label} on this photograph, {metric.better} is better"
    if quality:
        return (
            f"Ordered by bits among those that reach {wish} on this photograph, at about equal bits by {by}; then come "
            f"the others. {tried} of the {known} colour models here were tried: at each rate the three that are best "
            f"by PSNR on their own test images, fewest bits first, until one reached it."
        )
    return (
        f"Ordered by {by}. {tried} of the {known} colour models here were tried: those of at most {wish}, 5 % more "
        f"allowed, the most bits first, and at about equal bits those with the best {metric.label} on their own test "
        "images. Bits are true bits of this photograph, before entropy coding."
    )


def _quality(choice: "Choice") -> str:
    metrics = choice.result.metrics
    known = [name for name in ("lpips", "psnr") if metrics[name] is not None]
    return ", ".join(METRICS[name].with_unit(metrics[name]) for name in known)


def _rate(choice: "Choice") -> str:
    return f"{show('bits_per_pixel', choice.result.metrics['bits_per_pixel'])} bits a pixel"
