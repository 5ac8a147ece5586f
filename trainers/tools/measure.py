"""Evaluate any tokenizer on any images, each at its own size, and write a model card."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from trainers.data.pictures import Tally, Unreadable, read_pixels
from trainers.data.sets import open_splits
from trainers.data.source import Source
from trainers.loop.finish import write_files
from vqzoo.analysis.evaluation import Evaluation, evaluate_batches
from vqzoo.files.storage import CONFIG, WEIGHTS, Folder, read_json
from vqzoo.hub.card import METRICS
from vqzoo.metrics.fid import extractors
from vqzoo.metrics.perceptual import perceptual
from vqzoo.ops.prefetch import prefetch
from vqzoo.tokenizer import Tokenizer

ALL = "all"
_BATCH_PIXELS = 2**18
_AHEAD = 16


@dataclass(frozen=True)
class Measured:
    """An evaluation, the split of its images, and facts about these for the model card."""

    evaluation: Evaluation
    split: str
    facts: dict[str, Any]


def measure(
    tokenizer: Tokenizer, dataset: str, source: Source, max_side: int = 1024, bad_share: float = 0.1
) -> Measured:
    """Evaluate by protocol "lossless" on the test split of a data set, or on all images of one without splits.

    Images are read one after the other: there may be any number of them, of any sizes. Those with a side of more than
    `max_side` pixels are shrunk; unreadable ones are named and left out. Raises ValueError for a data set that cannot
    be opened, and where more than `bad_share` of its images cannot be read.
    """
    splits = open_splits(dataset, ["test"], source)
    split = ALL if splits.divided else splits.test
    rows = splits["all"] if splits.divided else splits["test"]
    tally = Tally(dataset, split, len(rows), bad_share)
    sides: list[int] = []

    def batches() -> Iterator[Tensor]:
        for images in _batches(rows, tokenizer.autoencoder.channels, max_side, tally):
            sides.extend((min(images.shape[2:]), max(images.shape[2:])))
            yield images
        if not sides:
            raise ValueError(f"data set {dataset!r}, split {split!r}: no image can be read")

    evaluation = evaluate_batches(tokenizer, batches(), perceptual("squeeze"), extractors())
    if tally.count:
        tqdm.write(tally.sentence("and are left out"))
    number = evaluation.metrics["num_images"]
    facts = {"images": {split: number}, "sides": [min(sides), max(sides)], "max_side": max_side}
    return Measured(evaluation, split, facts)


def _batches(rows: Any, channels: int, max_side: int, tally: Tally) -> Iterator[Tensor]:
    """Yield uint8 batches (b, c, h, w) of consecutive images of one size."""
    cells = (row["image"] for row in rows)
    waiting: list[np.ndarray] = []
    for number, pixels in enumerate(
        chain(prefetch(lambda cell: _read(cell, channels, max_side), cells, _AHEAD), [None])
    ):
        if isinstance(pixels, Unreadable):
            tally.add(f"row {number}", str(pixels))
            continue
        full = waiting and (len(waiting) + 1) * waiting[0].size > _BATCH_PIXELS * channels
        if waiting and (pixels is None or full or pixels.shape != waiting[0].shape):
            yield torch.from_numpy(np.stack(waiting))
            waiting = []
        if pixels is not None:
            waiting.append(pixels)


def _read(cell: Any, channels: int, max_side: int) -> np.ndarray | Unreadable:
    try:
        return read_pixels(cell, channels, longest=max_side)
    except Unreadable as error:
        return error


def write_card(folder: Path, dataset: str, measured: Measured) -> None:
    """Write metrics.json, usage.json and README.md into the folder of a model that has none.

    Raises ValueError if the folder has a card already, which would be lost.
    """
    if (folder / METRICS).exists():
        raise ValueError(f"{folder} has a {METRICS}, of other images; --write-card is for a model that has no card yet")
    types = {stored.dtype for stored in Folder(folder).header(WEIGHTS).values()}
    record = {
        "name": folder.resolve().name,
        "dataset": dataset,
        "hub_id": dataset if "/" in dataset else None,
        "split": measured.split,
        "license": None,
        "data": measured.facts,
        "metrics": measured.evaluation.metrics,
        "stored_as": "int8" if "I8" in types else "float16" if types & {"F16", "BF16"} else "float32",
    }
    write_files(folder, record, measured.evaluation.counts, read_json(folder / CONFIG))
