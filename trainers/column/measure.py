"""Measure a set of images against the train split of their data set."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainers.column.plan import DATASETS
from trainers.data.labelled import load_labelled
from vqzoo.files.storage import atomic_write
from vqzoo.generation.classifier import load_classifier
from vqzoo.metrics.fid import Extractor, extractors
from vqzoo.metrics.frechet import Reference
from vqzoo.metrics.measure import share_interval
from vqzoo.ops.device import best_device

NAMES = {"rfid": "fid", "rfid_squeeze": "fid_squeeze"}
"""Distances of reconstructions -> those of samples by the same features."""
NEAR = "fid_squeeze"
"""Distance whose features nearest training images are searched in."""
NEAR_SHARE = 0.01
"""Share of held-out images that are nearer to a training image than those that `copies` counts."""
_BATCH = 500


@dataclass(frozen=True)
class Measured:
    """Metrics of a set of images, and the distance (n,) of each from its nearest training image."""

    metrics: dict[str, Any]
    nearest: Tensor


class Judge:
    """What images of a data set are measured with: features of its train split, and its classifier.

    Features are kept in `folder`, as Inception's take hours on a CPU. Images smaller than an extractor accepts get
    black borders, real ones and others.
    """

    def __init__(self, dataset: str, folder: Path):
        self.dataset, self.folder, self.device = dataset, folder, best_device()
        self.extractors = {NAMES[each.metric]: each.to(self.device) for each in extractors()}
        classifier, self.classifier = load_classifier(dataset)
        self.shape, self._network = classifier.shape, classifier.to(self.device)

    def split(self, name: str) -> tuple[Tensor, Tensor]:
        """Return the images (n, c, h, w) uint8 of a split and their classes (n,)."""
        images, labels, classes = load_labelled(self.dataset, name, DATASETS[self.dataset], self.shape.channels)
        assert classes == self.shape.classes
        return images, labels

    @cached_property
    def train(self) -> dict[str, Tensor]:
        """Features (n, d) of the train split, by the name of the distance."""
        paths = {name: self.folder / f"{self.dataset}-{name}.safetensors" for name in self.extractors}
        missing = [name for name, path in paths.items() if not path.is_file()]
        if missing:
            self.folder.mkdir(parents=True, exist_ok=True)
            images, _ = self.split("train")
            for name in missing:
                with atomic_write(paths[name]) as partial:
                    save_file({"features": features(self.extractors[name], images)}, partial)
        return {name: load_file(path)["features"] for name, path in paths.items()}

    @cached_property
    def references(self) -> dict[str, Reference]:
        """The train split's features, to measure distances from."""
        return {name: Reference(each.to(self.device)) for name, each in self.train.items()}

    def measure(self, images: Tensor, labels: Tensor, floor: float | None = None) -> Measured:
        """Measure images, uint8 (n, c, h, w), that should show the classes `labels` (n,).

        `floor` is the distance from the nearest training image below which an image counts among "copies".
        """
        metrics: dict[str, Any] = {"num_images": len(images), "fid": None, "intervals": {}}
        for name, extractor in self.extractors.items():
            own = features(extractor, images).to(self.device)
            metrics[name] = self.references[name].distance(own)
            metrics["intervals"][name] = list(self.references[name].interval(own))
            if name == NEAR:
                nearest = nearest_distances(own, self.train[name].to(self.device)).cpu()
        metrics["nearest"] = nearest.median().item()
        self._add_share(metrics, "agreement", self._network.predict(images) == labels)
        if floor is not None:
            self._add_share(metrics, "copies", nearest < floor)
        return Measured(metrics, nearest)

    def _add_share(self, metrics: dict[str, Any], name: str, hits: Tensor) -> None:
        metrics[name] = hits.double().mean().item()
        metrics["intervals"][name] = share_interval(int(hits.sum()), len(hits))


@torch.inference_mode()
def features(extractor: Extractor, images: Tensor) -> Tensor:
    """Return the features (n, d) float32 of images, uint8 (n, 1 or 3, h, w), on the CPU."""
    device = next(extractor.buffers()).device
    missing = max(0, extractor.minimum_side - images.shape[-1])
    sides = [missing // 2, missing - missing // 2] * 2
    parts = (F.pad(part, sides).to(device).expand(-1, 3, -1, -1) for part in images.split(_BATCH))
    return torch.cat([extractor(part).float().cpu() for part in parts])


def nearest_distances(features: Tensor, others: Tensor) -> Tensor:
    """Return the Euclidean distance (n,) of each of the features (n, d) from the nearest of others (m, d)."""
    others = others.double()  # so that equal features have the distance 0, however large they are
    return torch.cat([torch.cdist(part, others).amin(1) for part in features.double().split(_BATCH)])
