"""Evaluation of a tokenizer on a data set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vqzoo.analysis.measurements import Measurements, batches
from vqzoo.analysis.usage import add_counts, count, usage_metrics
from vqzoo.metrics.fid import Extractor
from vqzoo.metrics.perceptual import Perceptual
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.tokenizer import Tokenizer


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a tokenizer on a data set.

    metrics: name -> number, None if not available. counts: uses of each index, (K,) for each column of the indices of
    all levels, coarsest level first; None if indices cannot be counted.
    """

    metrics: dict[str, Any]
    counts: list[Tensor] | None


@torch.inference_mode()
def evaluate(
    tokenizer: Tokenizer,
    images: Tensor,
    perceptual: Perceptual | None = None,
    extractors: Sequence[Extractor] = (),
    batch_size: int | None = None,
) -> Evaluation:
    """Reconstruct uint8 images (n, c, h, w) and measure by protocol "lossless"; the tokenizer must be in eval mode.

    Returns metrics of `metrics.table` of kind "image" (lpips is None without `perceptual`) and "set" (None without
    their extractor, and as in `Fid.compute`), intervals of the means, metrics of `analysis.usage` (None if indices
    cannot be counted) and rates. The batch size, by default that of a fixed number of pixels, does not change them.
    Networks are moved to the tokenizer's device. Raises ValueError for an empty set.
    """
    if not len(images):
        raise ValueError("images: the set is empty; expected at least one image")
    return evaluate_batches(tokenizer, batches(images, batch_size), perceptual, extractors)


@torch.inference_mode()
def evaluate_batches(
    tokenizer: Tokenizer,
    images: Iterable[Tensor],
    perceptual: Perceptual | None = None,
    extractors: Sequence[Extractor] = (),
) -> Evaluation:
    """Measure as `evaluate` does, on batches of uint8 images (b, c, h, w) of any sizes.

    Raises ValueError without a batch.
    """
    assert not tokenizer.training
    device = next(tokenizer.parameters()).device
    measurements = Measurements(device, perceptual, extractors)
    counts: list[Tensor] | None = None
    for batch in images:
        batch = batch.to(device)
        out = tokenizer(from_bytes(batch))
        measurements.add(to_bytes(out.images), batch, tokenizer.bits(out.tokens))
        counts = add_counts(counts, count(tokenizer, out.tokens))
    metrics = measurements.metrics() | usage_metrics(tokenizer, counts)
    return Evaluation(metrics, None if counts is None else [column.cpu() for column in counts])
