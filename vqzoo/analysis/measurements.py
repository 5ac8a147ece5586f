"""Metrics of protocol "lossless" over batches of reconstructions by a tokenizer or a codec."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from vqzoo.metrics import PROTOCOL
from vqzoo.metrics.fid import Extractor, Fid
from vqzoo.metrics.measure import compare, intervals
from vqzoo.metrics.perceptual import Perceptual
from vqzoo.metrics.rate import rate
from vqzoo.metrics.table import METRICS, names

_PIXELS = 2**18  # of a batch: 256 images of 32 x 32, 4 of 256 x 256


def batches(images: Tensor, size: int | None = None) -> tuple[Tensor, ...]:
    """Split images (n, c, h, w) into batches of `size`, by default of about as many pixels each, to bound memory."""
    return torch.split(images, size or max(1, _PIXELS // (images.shape[2] * images.shape[3])))


class Measurements:
    """Metrics accumulated over batches. Networks are moved to `device`, where batches have to be."""

    def __init__(
        self, device: torch.device, perceptual: Perceptual | None = None, extractors: Sequence[Extractor] = ()
    ):
        self.perceptual = None if perceptual is None else perceptual.to(device)
        self.fids = {extractor.metric: Fid(extractor.to(device)) for extractor in extractors}
        self.values: dict[str, list[Tensor]] = {}
        self.bits = 0.0
        self.count = 0
        self.pixels = 0
        self.channels = 0

    @torch.inference_mode()
    def add(self, restored: Tensor, originals: Tensor, bits: Tensor) -> None:
        """Add a batch: reconstructions and originals, uint8 (b, c, h, w) of any size, and bits (b,) per image."""
        for name, value in compare(restored, originals, self.perceptual).items():
            self.values.setdefault(name, []).append(value.double())
        self.bits += bits.double().sum().item()
        for fid in self.fids.values():
            fid.update(restored, originals)
        self.count += len(originals)
        self.pixels += len(originals) * originals.shape[2] * originals.shape[3]
        self.channels = originals.shape[1]

    def metrics(self) -> dict[str, Any]:
        """Return means over images with their `intervals`, distances over the set, and rates.

        A metric without a value for some image is None or missing. Bits per pixel are the bits of all images divided
        by the pixels of all images. Raises ValueError if nothing was added.
        """
        if not self.count:
            raise ValueError("images: the set is empty; expected at least one image")
        joined = {name: torch.cat(parts) for name, parts in self.values.items()}
        values = {name: joined[name] for name in METRICS if name in joined and len(joined[name]) == self.count}
        metrics: dict[str, Any] = {"protocol": PROTOCOL, "num_images": self.count}
        metrics |= dict.fromkeys(names("image", table="models"))
        metrics |= {name: value.mean().item() for name, value in values.items()}
        metrics["lpips_network"] = self.perceptual.name if self.perceptual is not None and "lpips" in values else None
        metrics |= {name: self.fids[name].compute() if name in self.fids else None for name in names("set")}
        metrics["intervals"] = intervals(values)
        return metrics | asdict(rate(self.bits / self.count, self.channels, self.pixels / self.count))
