"""Images of a data set as one uint8 tensor in memory; each is decoded once a run."""

import os
from collections.abc import Sequence
from pathlib import Path

import datasets
import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

DATA_VARIABLE = "VQZOO_DATA"
"""Environment variable: a folder with one folder a data set, each of them as on the Hub (parquet files, README)."""

HUB_IDS = {
    "cifar10": "uoft-cs/cifar10",
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "flowers": "nkirschi/oxford-flowers",  # Oxford 102 Flowers
}
_TEST_IMAGES = {"cifar10": 10_000, "mnist": 10_000, "fashion_mnist": 10_000, "flowers": 1_020}


def load_images(dataset: str, split: str, resolution: int, channels: int, data: str | None = None) -> Tensor:
    """(n, channels, resolution, resolution) uint8, in the data set's order.

    `data` is a local folder with the data set; without it VQZOO_DATA/<dataset> is used where that exists, else the
    Hub. Images of another size are shrunk (Lanczos) and centre-cropped. Raises ValueError for a folder that is not
    there, a data set that cannot be had, a missing split and a set without an image column.
    """
    rows = open_splits(dataset, [split], data)[split]
    columns = [name for name, feature in rows.features.items() if isinstance(feature, datasets.Image)]
    if not columns:
        raise ValueError(f"data set {dataset!r} has no image column; its columns: {', '.join(rows.features)}")
    mode = "RGB" if channels == 3 else "L"
    pixels = np.empty((len(rows), resolution, resolution, channels), np.uint8)
    for place, row in zip(pixels, rows.select_columns(columns[:1]), strict=True):
        image = row[columns[0]].convert(mode)
        if image.size != (resolution, resolution):
            image = ImageOps.fit(image, (resolution, resolution), Image.Resampling.LANCZOS)
        place[:] = np.asarray(image).reshape(place.shape)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def hold_out(images: Tensor, held_out: int) -> tuple[Tensor, Tensor]:
    """A train split as (images to learn from, images held out): the last ones, as published data sets come shuffled."""
    if not 0 < held_out < len(images):
        raise ValueError(f"held_out={held_out}: expected from 1 to {len(images) - 1}, the train split less one")
    return images[:-held_out], images[-held_out:]


def open_splits(dataset: str, needed: Sequence[str], data: str | None = None) -> datasets.DatasetDict:
    """The data set with nothing decoded yet; raises ValueError where it cannot be had or lacks a needed split."""
    source = _locate(dataset, data)
    try:
        splits = datasets.load_dataset(source)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise ValueError(
            f"data set {dataset!r} could not be loaded from {source!r} ({error}); give a local copy with "
            f"--data FOLDER or set {DATA_VARIABLE} to the folder that holds a folder {dataset!r}"
        ) from error
    for split in needed:
        if split not in splits:
            raise ValueError(f"data set {dataset!r} has no split {split!r}; it has: {', '.join(splits)}")
    return splits


def _locate(dataset: str, data: str | None) -> str:
    if data is not None:
        if not Path(data).is_dir():
            raise ValueError(f"data folder {data!r} does not exist; expected a folder with parquet files")
        return data
    if root := os.environ.get(DATA_VARIABLE):
        if not Path(root).is_dir():
            raise ValueError(f"{DATA_VARIABLE}={root!r} is no folder; expected one with a folder a data set")
        if (folder := Path(root, dataset)).is_dir():
            return str(folder)
    return HUB_IDS.get(dataset, dataset)


def hub_id(dataset: str, test_images: int) -> str | None:
    """Where a data set is on the Hub; None where the test split that was read has another number of images than the
    one there, so that it was a local set of the same name."""
    return HUB_IDS.get(dataset, dataset) if _TEST_IMAGES.get(dataset, test_images) == test_images else None


class Batches:
    """Training batches that are a function of the step alone, so that a resumed run sees what it would have seen.

    Every epoch is a permutation of its own, seeded by (seed, epoch); what does not fill a batch is carried into the
    next one. Of each global batch a process gets a run of its own: shares joined in the order of ranks are the batch.
    With `crop` each image is cut to a square of that side at a random place, seeded by (seed, step).
    """

    def __init__(self, images: Tensor, batch_size: int, seed: int, rank: int = 0, world_size: int = 1, crop: int = 0):
        if batch_size % world_size:
            raise ValueError(f"batch_size={batch_size}: expected a multiple of the {world_size} processes")
        self.images, self.batch_size, self.seed, self.crop = images, batch_size, seed, crop
        self.share = batch_size // world_size
        self.offset = rank * self.share
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def at(self, step: int) -> Tensor:
        """This process's images of `step`, uint8."""
        places = step * self.batch_size + self.offset + torch.arange(self.share)
        epochs, offsets = places // len(self.images), places % len(self.images)
        rows = torch.cat([self._permutation(int(epoch))[offsets[epochs == epoch]] for epoch in epochs.unique()])
        images = self.images[rows.to(self.images.device)]
        return self._cropped(images, step) if self.crop else images

    def _cropped(self, images: Tensor, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        room = torch.tensor(images.shape[2:]) - self.crop + 1
        # Drawn for the whole global batch, so that the number of processes does not matter.
        places = (torch.rand(self.batch_size, 2, generator=generator) * room).long()
        mine = places[self.offset : self.offset + self.share].tolist()
        cuts = [image[:, y : y + self.crop, x : x + self.crop] for image, (y, x) in zip(images, mine, strict=True)]
        return torch.stack(cuts)

    def _permutation(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self._epoch, self._order = epoch, torch.randperm(len(self.images), generator=generator)
        return self._order
