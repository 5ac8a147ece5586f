"""Baselines that need no training, and whether one of them is better than a tokenizer."""

from collections.abc import Iterable
from typing import Any

from vqzoo.hub.model import Model

MORE_BITS = 1.01
"""Tolerance on bits: a baseline may cost 1 % more than a model, as alphabets can make 638 bits of a nominal 640."""


def best_ahead(model: Model, models: Iterable[Model]) -> dict[str, Any] | None:
    """Return the best baseline among `models` that beats a model, in the form of metrics.json's "behind".

    A baseline is a fitted PCA or k-means without a network. It beats a model if its PSNR on the same images is higher
    at the same or fewer bits. None if no baseline beats the model, or if the model is a baseline.
    """
    if model.networkless:
        return None
    here = model.metrics["metrics"]
    ahead = [
        {"name": other.name, "bits_per_image": there["bits_per_image"], "psnr": there["psnr"]}
        for other in models
        if other.networkless and _images(other) == _images(model)
        for there in [other.metrics["metrics"]]
        if there["bits_per_image"] <= MORE_BITS * here["bits_per_image"] and there["psnr"] > here["psnr"]
    ]
    return max(ahead, key=lambda each: each["psnr"], default=None)


def with_baseline(model: Model, models: Iterable[Model]) -> dict[str, Any]:
    """Return a model's metrics.json with "behind" updated from `best_ahead`, or removed if there is none."""
    record = {key: value for key, value in model.metrics.items() if key != "behind"}
    behind = best_ahead(model, models)
    return record | {"behind": behind} if behind else record


def _images(model: Model) -> tuple[Any, ...]:
    record = model.metrics
    return record["dataset"], record["split"], record["metrics"].get("num_images")
