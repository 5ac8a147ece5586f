"""Baselines that need no training, and which of them a tokenizer is behind."""

from collections.abc import Iterable
from typing import Any

from vqzoo.hub.model import Model

MORE_BITS = 1.01
"""Times a model's bits that a baseline may have: alphabets of no power of two cost 638 bits instead of 640."""


def best_ahead(model: Model, models: Iterable[Model]) -> dict[str, Any] | None:
    """Return the baseline among `models` that is furthest ahead of a model, as metrics.json has it under "behind".

    A baseline is a fitted PCA or k-means without a network. It is ahead where its PSNR is higher, on the same images,
    at the same or fewer bits. None for a model that no baseline is ahead of, and for a baseline.
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


def compared(model: Model, models: Iterable[Model]) -> dict[str, Any]:
    """Return a model's metrics.json with the baseline that it is behind, if there is one, and no older one."""
    record = {key: value for key, value in model.metrics.items() if key != "behind"}
    behind = best_ahead(model, models)
    return record | {"behind": behind} if behind else record


def _images(model: Model) -> tuple[Any, ...]:
    record = model.metrics
    return record["dataset"], record["split"], record["metrics"].get("num_images")
