"""The rows of a data set with what is known of each image, in units that are read alone: for `vqzoo tokenize`."""

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, get_args

import datasets
import numpy as np
import torch

from trainers.data.augment import Augment
from trainers.data.loading import Fit
from trainers.data.pictures import Form, Unreadable, decode, read_pixels
from trainers.data.sets import open_whole
from trainers.data.source import Source
from vqzoo.files.images import OWN_MACHINE
from vqzoo.ops.prefetch import prefetch
from vqzoo.tokens.picture import Picture, Unit

View = Literal["whole", "flip", "crop"]
_MARGIN = 1.25
"""Side of the square from which "crop" is cut, as a multiple of the side of a view."""
_CHUNK = 16
"""Images that a thread decodes at a time."""
_READ = 256
"""Rows that are read at a time."""
_Row = tuple[str, int, dict[str, Any]]
"""Key, number in the unit's split, and all columns."""


class ImageRows:
    """A data set's images as `side` x `side` views, or at their own sizes with side 0, decoded by threads.

    Units are ranges of `per_shard` rows; of a stream, whose rows are not counted, its files. Views: "whole" is the
    image made square as `fit` says, "flip" its mirror image, "crop" a part of it at a random position, from the image
    at 1.25 times the side; a view that is named twice is drawn twice. Draws depend on `seed` and the row alone.

    Raises ValueError for data that cannot be opened, and for unknown views.
    """

    def __init__(
        self,
        dataset: str,
        source: Source,
        side: int,
        channels: int,
        fit: Fit = "crop",
        views: tuple[str, ...] = ("whole",),
        streaming: bool = False,
        per_shard: int = 8192,
        seed: int = 42,
    ):
        for view in views:
            if view not in get_args(View) or (view == "crop" and not side):
                raise ValueError(
                    f"views={','.join(views)!r}: expected some of {', '.join(get_args(View))}, with commas between "
                    "them; crop needs a --side"
                )
        whole = open_whole(dataset, source, streaming)
        self.rows, self.column, self.folder = whole.parts, whole.column, whole.folder
        self.features = whole.features
        self.side, self.per_shard, self._kinds = side, per_shard, views
        self.views = tuple(_numbered(views))
        self.units = [unit for split, rows in self.rows.items() for unit in _units(split, rows, per_shard)]
        self.preprocessing = {"side": side, "fit": fit if side else None, "channels": channels, "seed": seed}
        self._form = Form(side, channels, fit)
        large = round(side * _MARGIN)
        self._large = Form(large, channels, fit)
        self._cut = Augment(side, large, seed=seed) if side else None

    def read(self, unit: Unit) -> Generator[Picture, None, None]:
        """Yield the pictures of a unit, in order; decoding is ahead of the consumer."""
        rows = self._read(unit)
        chunks: Iterator[list[_Row]] = iter(lambda: list(islice(rows, _CHUNK)), [])
        with closing(prefetch(lambda chunk: [self._picture(row) for row in chunk], chunks, depth=32)) as decoded:
            yield from chain.from_iterable(decoded)

    def _read(self, unit: Unit) -> Iterator[_Row]:
        rows = self.rows[unit.split]
        if isinstance(rows, datasets.Dataset):
            start = unit.number * self.per_shard
            for first in range(start, min(start + self.per_shard, len(rows)), _READ):
                columns = rows[first : min(first + _READ, start + self.per_shard)]
                for number, values in enumerate(zip(*columns.values(), strict=True), first):
                    row = dict(zip(columns, values, strict=True))
                    yield self._key(row, str(number)), number, row
        else:
            for number, row in enumerate(rows.shard(num_shards=unit.of, index=unit.number)):
                yield self._key(row, f"{unit.number}-{number}"), unit.number * 2**40 + number, row

    def _key(self, row: dict[str, Any], number: str) -> str:
        """Return the path in a folder of pictures, the key in a webdataset, else the number of the row."""
        if self.folder is not None:
            return Path(row[self.column]["path"]).relative_to(self.folder).as_posix()
        return str(row.get("__key__") or number)

    def _picture(self, row: _Row) -> Picture:
        key, number, columns = row
        passed = {name: columns[name] for name in self.features}
        try:
            return Picture(key, self._cut_views(columns[self.column], number), passed)
        except Unreadable as error:
            return Picture(key, str(error), passed)

    def _cut_views(self, cell: Any, number: int) -> tuple[np.ndarray, ...]:
        own = {"whole", "flip"} & set(self._kinds)
        if not self.side:
            whole = read_pixels(cell, self._form.channels, OWN_MACHINE.side)
        elif own:
            whole = decode(cell, self._form)
        large = decode(cell, self._large) if "crop" in self._kinds else None
        views = []
        for turn, kind in enumerate(self._kinds):
            if kind == "crop":
                assert self._cut is not None and large is not None
                square = torch.from_numpy(large)[None]
                views.append(self._cut(square, torch.tensor([turn]), torch.tensor([number]))[0].numpy())
            else:
                views.append(whole if kind == "whole" else np.ascontiguousarray(whole[:, :, ::-1]))
        return tuple(views)


def _numbered(views: tuple[str, ...]) -> Iterator[str]:
    """Yield the views' names, a number added to the second and later ones of a kind."""
    for position, view in enumerate(views):
        before = views[:position].count(view)
        yield f"{view}-{before + 1}" if before else view


def _units(split: str, rows: Any, per_shard: int) -> list[Unit]:
    if not isinstance(rows, datasets.Dataset):
        return [Unit(split, number, rows.num_shards, None) for number in range(rows.num_shards)]
    number = -(-len(rows) // per_shard)
    return [Unit(split, each, number, min(per_shard, len(rows) - each * per_shard)) for each in range(number)]
