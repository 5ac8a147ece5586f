"""Find a data set and open its splits; nothing is decoded yet."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import datasets

from trainers.data import division
from trainers.data.folder import ARCHIVES, SUFFIXES, check_images, files_with, split_files
from trainers.data.source import DIVIDE, HUB_IDS, PARTS, Source, as_source

DATA_VARIABLE = "VQZOO_DATA"
"""Environment variable: a folder that holds a folder for each data set, laid out as on the Hub (parquet files)."""

_TEST_IMAGES = {"cifar10": 10_000, "mnist": 10_000, "fashion_mnist": 10_000, "flowers": 1_020}
_FIRST = ("image", "img")
"""Preferred names of an image column."""
_VALIDATION = ("validation", "valid", "val", "dev")
_SHARDS = 64
_SCALARS = ("bool", "float", "int", "large_string", "string", "uint")

Rows = TypeVar("Rows", datasets.Dataset, datasets.IterableDataset)


@dataclass(frozen=True)
class Splits:
    """The splits of a data set, each with the one column "image", undecoded.

    parts: rows by the data set's own split names, and by "train", "test" and, where it exists, "held_out". With
        `divided` also "all", which holds every image.
    test: the data set's own name of the test split.
    divided: whether the images were divided by their content, as the data set has no splits.
    column: the image column.
    copies: with `divided`, the number of images that are copies of another image.
    """

    parts: dict[str, Any]
    test: str = "test"
    divided: bool = False
    column: str = "image"
    copies: int = 0

    def __getitem__(self, part: str) -> Any:
        return self.parts[part]

    def __contains__(self, part: object) -> bool:
        return part in self.parts

    def facts(self) -> dict[str, Any]:
        """Return the facts about the images for a model card; streams are not counted."""
        parts = {part: self.parts[part] for part in PARTS if part in self.parts}
        counts = {part: len(rows) for part, rows in parts.items() if isinstance(rows, datasets.Dataset)}
        return {"images": counts, "divided": self.divided, "copies": self.copies, "column": self.column}

    def sentence(self) -> str:
        """Return a sentence on how many images are used for what; streams are not counted."""
        names = {"train": "train", "held_out": "held_out", "test": self.test}
        counts = [
            f"{names[part]} {len(rows):,}" if isinstance(rows, datasets.Dataset) else names[part]
            for part in names
            if (rows := self.parts.get(part)) is not None
        ]
        how = "divided by content" if self.divided else f"measured on {self.test}"
        return f"images: {', '.join(counts)}; {how}; column {self.column}"


def open_splits(
    dataset: str, needed: Sequence[str], data: Source | str | None = None, streaming: bool = False
) -> Splits:
    """Return the splits of a data set, undecoded.

    `data` is a local folder, or a `Source`; None: VQZOO_DATA/<dataset> where that exists, else the Hub. The splits of a
    folder of image files are its folders train, test and validation; those of anything else are what `datasets` finds.
    A validation split is used as test where there is no test split. Where there is neither, or where `Source.splits`
    asks for it, images are divided by their content (`division.divide`).

    With `streaming` nothing is downloaded or copied: splits are datasets.IterableDataset, and cannot be divided. Raises
    ValueError for a missing data set, split or image column, and for images that cannot be divided.
    """
    source = as_source(data)
    names = source.names()
    published = _published(dataset, source, streaming)
    for name in names.values():
        _check_split(dataset, name, published)
    columns = {_column(rows, dataset, source.column) for rows in published.values()}
    rows = {name: image_rows(each, dataset, source.column) for name, each in published.items()}
    splits = Splits(rows, column=", ".join(sorted(columns)))
    if names:
        return replace(splits, parts=rows | {part: rows[name] for part, name in names.items()}, test=names["test"])
    if source.splits == DIVIDE or _undivided(rows):
        return _divided(dataset, splits, streaming)
    if "train" in rows and "test" not in rows:
        test = next(name for name in _VALIDATION if name in rows)
        splits = replace(splits, parts=rows | {"test": rows[test]}, test=test)
    for name in needed:
        _check_split(dataset, name, splits.parts)
    return splits


@dataclass(frozen=True)
class Whole:
    """All images of a data set and what is known of them.

    parts: rows by the data set's own split names, images undecoded.
    column: the image column. features: the columns of scalars, such as a label or a caption.
    folder: of a folder of pictures, the folder; else None.
    """

    parts: dict[str, Any]
    column: str
    features: dict[str, Any]
    folder: Path | None


def open_whole(dataset: str, data: Source | str | None = None, streaming: bool = False) -> Whole:
    """Return all splits of a data set with their scalar columns, undecoded and not divided.

    Of a folder of pictures in subfolders, the column "label" is the subfolder that an image is in. Arguments and errors
    are those of `open_splits`, but for splits, of which `Source.splits` names those to use, with commas between them;
    "" means all.
    """
    source = as_source(data)
    published = _published(dataset, source, streaming)
    for name in filter(None, source.splits.split(",")):
        _check_split(dataset, name, published)
    chosen = {name: rows for name, rows in published.items() if name in source.splits.split(",") or not source.splits}
    first = next(iter(chosen.values()))
    column = _column(first, dataset, source.column)
    scalars = {
        name: feature
        for name, feature in first.features.items()
        if isinstance(feature, (datasets.ClassLabel, datasets.Value)) and feature.dtype.startswith(_SCALARS)
    }
    encoded = {
        name: rows.select_columns([column, *scalars]).cast_column(column, datasets.Image(decode=False))
        for name, rows in chosen.items()
    }
    folder = Path(_locate(dataset, source.data))
    return Whole(encoded, column, scalars, folder if folder.is_dir() and files_with(folder, SUFFIXES) else None)


def _undivided(splits: Iterable[str]) -> bool:
    """Return whether the data set has no split for testing: a single split, or a train split alone."""
    measured = {"test", *_VALIDATION}
    splits = set(splits)
    return splits.isdisjoint(measured) and ("train" in splits or len(splits) == 1)


def _check_split(dataset: str, name: str, splits: Any) -> None:
    if name not in splits:
        raise ValueError(
            f"data set {dataset!r} has no split {name!r}; it has: {', '.join(splits)}; --splits train=NAME,test=NAME "
            f"names the ones to use, --splits {DIVIDE} divides all images by their content"
        )


def _divided(dataset: str, splits: Splits, streaming: bool) -> Splits:
    if streaming:
        raise ValueError(
            f"data set {dataset!r} has no test split, and a stream cannot be divided; expected --splits "
            "train=NAME,test=NAME or another --loading"
        )
    rows = datasets.concatenate_datasets(list(splits.parts.values()))
    contents = division.file_hashes(rows)
    try:
        parts = {part: rows.select(chosen) for part, chosen in division.divide(contents).items()}
    except ValueError as error:
        raise ValueError(f"data set {dataset!r}: {error}") from None
    return replace(splits, parts=parts | {"all": rows}, divided=True, copies=len(contents) - len(set(contents)))


def _published(dataset: str, source: Source, streaming: bool) -> dict[str, Any]:
    """Return the data set's own splits by name."""
    where = _locate(dataset, source.data)
    folder = Path(where)
    if folder.is_dir():
        check_images(folder)
        archives, pictures = (files_with(folder, suffixes) for suffixes in (ARCHIVES, SUFFIXES))
        if pictures and archives:
            raise ValueError(
                f"{where} holds both pictures (as {pictures[0].name}) and data files (as {archives[0].name}); name a "
                "folder of one kind"
            )
        if pictures:
            classes = sorted({path.parent.name for path in pictures})
            return {name: _rows(files, classes, streaming) for name, files in split_files(folder, pictures).items()}
    settings: dict[str, Any] = {"streaming": True} if streaming else {}
    if source.config:
        settings["name"] = source.config
    if folder.is_file():
        if folder.suffix.lower() not in ARCHIVES:
            raise ValueError(f"{where}: expected a folder, or a .parquet or .tar file")
        settings["data_files"] = str(folder)
        where = "parquet" if folder.suffix.lower() == ".parquet" else "webdataset"
    if folder.exists() and not streaming:
        settings["cache_dir"] = _cache_of(folder)
    try:
        return dict(datasets.load_dataset(where, **settings))
    except Exception as error:  # `datasets` raises errors of files, of the network, of YAML and of parquet
        raise ValueError(_refusal(dataset, where, source, error)) from error


def _cache_of(folder: Path) -> str:
    """Return a cache folder that depends on the paths, sizes and modification times of the files.

    The cache of `datasets` identifies a local data set by its folder's name and README alone: for two folders called
    photos, or for one whose files have changed, it would return the images that it cached first.
    """
    files = files_with(folder, ARCHIVES | {".md", ".json", ".jsonl", ".csv"}) if folder.is_dir() else [folder]
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    digest = hashlib.blake2b(repr(stats).encode(), digest_size=8).hexdigest()
    return str(Path(datasets.config.HF_DATASETS_CACHE, f"vqzoo-{digest}"))


def _refusal(dataset: str, where: str, source: Source, error: Exception) -> str:
    if source.config or "onfig name is missing" in str(error):
        try:
            configs = datasets.get_dataset_config_names(where)
        except Exception:  # then the first error is reported
            configs = []
        if len(configs) > 1 and source.config not in configs:
            return f"data set {dataset!r} has several configurations; expected --config {' or --config '.join(configs)}"
    return (
        f"data set {dataset!r} could not be loaded from {where!r} ({error}); give a local copy with "
        f"--data FOLDER or set {DATA_VARIABLE} to the folder that holds a folder {dataset!r}"
    )


def _rows(files: list[Path], classes: list[str], streaming: bool) -> Any:
    """Return image files as rows that hold their paths, and where there are several classes the class of each."""
    features = datasets.Features({"image": datasets.Image(decode=False)})
    columns: dict[str, list[Any]] = {"image": [{"bytes": None, "path": str(path)} for path in files]}
    if len(classes) > 1:
        features["label"] = datasets.ClassLabel(names=classes)
        columns["label"] = [path.parent.name for path in files]
    rows = datasets.Dataset.from_dict(columns, features=features)
    return rows.to_iterable_dataset(min(_SHARDS, len(rows))) if streaming else rows


def image_rows(rows: Rows, dataset: str, column: str = "") -> Rows:
    """Return a split with its image column alone, renamed to "image", as encoded bytes or a path.

    `column` "" takes the column called image or img, else the only image column. Raises ValueError where there is no
    image column, no `column` of this name, or several to choose from.
    """
    chosen = _column(rows, dataset, column)
    encoded = rows.select_columns([chosen]).cast_column(chosen, datasets.Image(decode=False))
    return encoded if chosen == "image" else encoded.rename_column(chosen, "image")


def _column(rows: Any, dataset: str, column: str) -> str:
    features = rows.features or {}
    columns = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    if not columns:
        raise ValueError(f"data set {dataset!r} has no image column; its columns: {', '.join(features)}")
    if column and column not in columns:
        raise ValueError(f"column={column!r}: expected an image column of data set {dataset!r}: {', '.join(columns)}")
    first = [name for preferred in _FIRST for name in columns if name.lower() == preferred]
    if column or first or len(columns) == 1:
        return column or (first or columns)[0]
    raise ValueError(f"data set {dataset!r} has several image columns: {', '.join(columns)}; name one with --column")


def _locate(dataset: str, data: str | None) -> str:
    if data is not None:
        if not data or not Path(data).exists():
            raise ValueError(f"data folder {data!r} does not exist; expected pictures or parquet files")
        return data
    if root := os.environ.get(DATA_VARIABLE):
        if not Path(root).is_dir():
            raise ValueError(f"{DATA_VARIABLE}={root!r} is no folder; expected one with a folder a data set")
        if (folder := Path(root, dataset)).is_dir():
            return str(folder)
    return HUB_IDS.get(dataset, dataset)


def hub_id(dataset: str, test_images: int) -> str | None:
    """Return the Hub id of a data set; None for a local one.

    A data set is local if its name is no Hub id, or if its test split has not as many images as the one on the Hub.
    """
    if dataset in HUB_IDS:
        return HUB_IDS[dataset] if _TEST_IMAGES[dataset] == test_images else None
    return dataset if "/" in dataset else None
