"""Values of all metrics that compare an image with its original, and confidence intervals of their means."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from torch import Tensor

from vqzoo.metrics.table import METRICS, named

RESAMPLES = 1000


def compare(images: Tensor, originals: Tensor, network: Any = None) -> dict[str, Tensor]:
    """Return the values (b,) of each metric of kind "image" for two uint8 tensors (b, c, h, w).

    Leaves out metrics that need larger images, and without `network` those that need a `Perceptual`.
    """

    @cache
    def shared(function: str) -> Any:
        return named(function)(images, originals)

    values: dict[str, Tensor] = {}
    for metric in METRICS.values():
        if not metric.function or min(images.shape[2:]) < metric.minimum_side or (metric.network and network is None):
            continue
        more = (network,) if metric.network else (shared(metric.shared),) if metric.shared else ()
        if (value := metric.computed(images, originals, *more)) is not None:
            values[metric.name] = value
    return values


def intervals(values: Mapping[str, Tensor]) -> dict[str, list[float]]:
    """Return the 95 % bootstrap confidence interval [low, high] of each metric's mean, resampling images.

    values: (n,) for each metric, one value per image. The seed is fixed, and all metrics share the resampled images;
    the result is empty for a single image.
    """
    table = np.stack([each.double().cpu().numpy() for each in values.values()], 1)
    if len(table) < 2:
        return {}
    generator = np.random.default_rng(0)
    means = [table[generator.integers(0, len(table), len(table))].mean(0) for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975), axis=0).tolist()
    return {name: [*pair] for name, *pair in zip(values, low, high, strict=True)}


def share_interval(hits: int, number: int) -> list[float]:
    """Return the 95 % interval [low, high] of a share of `hits` out of `number`, Wilson's."""
    from scipy.stats import binomtest  # takes a second to import

    low, high = binomtest(hits, number).proportion_ci(method="wilson")
    return [float(low), float(high)]
