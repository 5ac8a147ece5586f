"""Protocol "lossless" over a data set that comes in batches: the part that asks not where reconstructions come from."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from vqzoo.metrics import FID_METRICS, PROTOCOL, Extractor, Fid, Perceptual, l1, psnr, rate, ssim

_PIXELS = 2**18  # of a batch: 256 images of 32 x 32, 4 of 256 x 256


def batches(images: Tensor, size: int | None = None) -> tuple[Tensor, ...]:
    """Images (n, c, h, w) in batches of `size`, by default of a fixed number of pixels, so that memory is bounded."""
    return images.split(size or max(1, _PIXELS // (images.shape[2] * images.shape[3])))


class Measurements:
    """Sums over batches. Networks are moved to `device`, where batches have to be."""

    def __init__(
        self, device: torch.device, perceptual: Perceptual | None = None, extractors: Sequence[Extractor] = ()
    ):
        self.perceptual = None if perceptual is None else perceptual.to(device)
        self.fids = {extractor.metric: Fid(extractor.to(device)) for extractor in extractors}
        self.sums: dict[str, float] = {}
        self.count = 0
        self.pixels = 0
        self.channels = 0

    @torch.inference_mode()
    def add(self, restored: Tensor, originals: Tensor, bits: Tensor) -> None:
        """Add a batch: both uint8 (b, c, h, w) of any size; bits (b,) that each image costs."""
        values = {"l1": l1(restored, originals), "psnr": psnr(restored, originals), "ssim": ssim(restored, originals)}
        if self.perceptual is not None and (distance := self.perceptual(restored, originals)) is not None:
            values["lpips"] = distance
        values["bits"] = bits
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.double().sum().item()
        for fid in self.fids.values():
            fid.update(restored, originals)
        self.count += len(originals)
        self.pixels += len(originals) * originals.shape[2] * originals.shape[3]
        self.channels = originals.shape[1]

    def metrics(self) -> dict[str, Any]:
        """Return means over images and distances over the set; ValueError where nothing was added.

        Bits a pixel are those of all images over the pixels of all, which may differ in size.
        """
        if not self.count:
            raise ValueError("images: the set is empty; expected at least one image")
        means = {name: value / self.count for name, value in self.sums.items()}
        metrics: dict[str, Any] = {"protocol": PROTOCOL, "num_images": self.count}
        metrics |= {name: means.get(name) for name in ("l1", "psnr", "ssim", "lpips")}
        metrics["lpips_network"] = self.perceptual.name if self.perceptual is not None and "lpips" in means else None
        metrics |= {name: self.fids[name].compute() if name in self.fids else None for name in FID_METRICS}
        return metrics | asdict(rate(means["bits"], self.channels, self.pixels / self.count))
