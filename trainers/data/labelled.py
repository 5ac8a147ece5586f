"""Images with their classes, in memory."""

import datasets
import torch
from torch import Tensor

from trainers.data.memory import load_images
from trainers.data.sets import open_whole

LABEL = "label"
"""Column of classes of the data sets that are loaded here."""


def load_labelled(dataset: str, split: str, resolution: int, channels: int) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Return images (n, channels, resolution, resolution) uint8, the class (n,) int64 of each, and the classes' names.

    Raises ValueError for a data set without a column "label" of classes, and where an image cannot be read.
    """
    whole = open_whole(dataset)
    feature = whole.features.get(LABEL)
    if not isinstance(feature, datasets.ClassLabel):
        raise ValueError(f"data set {dataset!r}: expected a column {LABEL!r} of classes")
    images = load_images(dataset, split, resolution, channels)
    labels = torch.tensor(whole.parts[split][LABEL])
    if len(images) != len(labels):
        raise ValueError(f"data set {dataset!r}: {len(labels) - len(images)} images cannot be read; expected none")
    return images, labels, tuple(feature.names)
