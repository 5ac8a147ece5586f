"""Where a data set is, and its splits with nothing decoded yet."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import datasets

DATA_VARIABLE = "VQZOO_DATA"
"""Environment variable: a folder with one folder a data set, each of them as on the Hub (parquet files, README)."""

HUB_IDS = {
    "cifar10": "uoft-cs/cifar10",
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "flowers": "nkirschi/oxford-flowers",  # Oxford 102 Flowers
}
_TEST_IMAGES = {"cifar10": 10_000, "mnist": 10_000, "fashion_mnist": 10_000, "flowers": 1_020}

Rows = TypeVar("Rows", datasets.Dataset, datasets.IterableDataset)


def open_splits(
    dataset: str, needed: Sequence[str], data: str | None = None, streaming: bool = False
) -> dict[str, Any]:
    """The data set with nothing decoded yet; raises ValueError where it cannot be had or lacks a needed split.

    `data` is a local folder with the data set; without it VQZOO_DATA/<dataset> is used where that exists, else the
    Hub. With `streaming` nothing is downloaded or copied either: splits are datasets.IterableDataset, whose rows are
    read where they are, one after the other.
    """
    source = _locate(dataset, data)
    try:
        splits = datasets.load_dataset(source, **({"streaming": True} if streaming else {}))
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise ValueError(
            f"data set {dataset!r} could not be loaded from {source!r} ({error}); give a local copy with "
            f"--data FOLDER or set {DATA_VARIABLE} to the folder that holds a folder {dataset!r}"
        ) from error
    for split in needed:
        if split not in splits:
            raise ValueError(f"data set {dataset!r} has no split {split!r}; it has: {', '.join(splits)}")
    return splits


def image_rows(rows: Rows, dataset: str) -> Rows:
    """The split's first image column alone, under the name "image", as encoded bytes or a path: nothing is decoded.

    Raises ValueError for a set without an image column.
    """
    features = rows.features or {}
    columns = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    if not columns:
        raise ValueError(f"data set {dataset!r} has no image column; its columns: {', '.join(features)}")
    encoded = rows.select_columns(columns[:1]).cast_column(columns[0], datasets.Image(decode=False))
    return encoded if columns[0] == "image" else encoded.rename_column(columns[0], "image")


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
