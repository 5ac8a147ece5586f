"""Tokenize one unit of a data set, as a Parquet file in memory."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from vqzoo.ops.prefetch import batch_a_core
from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.tokens.manifest import narrowest
from vqzoo.tokens.picture import Picture, Pictures, Unit
from vqzoo.tokens.waiting import Batch, Waiting

KEY, HEIGHT, WIDTH, VIEW = "key", "height", "width", "view"
_TOKENS = "tokens_"
_FOOTER = b"vqzoo"
_ROW_GROUP = 2048


def token_column(level: int) -> str:
    """Return the name of the column that holds a level's indices."""
    return f"{_TOKENS}{level}"


@dataclass(frozen=True)
class Footer:
    """What a shard says of itself, in the metadata of its file.

    bits: true bits of all its rows before entropy coding.
    broken: key and reason of each picture that cannot be read, and has no row.
    """

    images: int
    rows: int
    bits: float
    broken: list[tuple[str, str]]


def features_of(tokenizer: Tokenizer, pictures: Pictures) -> datasets.Features:
    """Return the columns of a shard; a column of the data set whose name is taken becomes "source_NAME"."""
    size = (pictures.side, pictures.side)
    shapes = tokenizer.grid_sizes(size) if pictures.side else [(0, 0)] * len(tokenizer.quantizers)
    tokens = {}
    for number, (part, (height, width)) in enumerate(zip(tokenizer.quantizers, shapes, strict=True)):
        value = datasets.Value(np.dtype(narrowest(max(part.index_sizes))).name)
        length = height * width * len(part.index_sizes) if pictures.side else -1
        tokens[token_column(number)] = datasets.List(value, length=length)
    sides = {side: datasets.Value("int32") for side in (HEIGHT, WIDTH)}
    text = datasets.Value("string")
    passed = {renamed(name): feature for name, feature in pictures.features.items()}
    return datasets.Features({KEY: text, **passed, **sides, VIEW: text, **tokens})


def renamed(name: str) -> str:
    """Return the name under which a column of the data set is passed through."""
    return f"source_{name}" if name in (KEY, HEIGHT, WIDTH, VIEW) or name.startswith(_TOKENS) else name


@dataclass
class _Rows:
    """Rows of a shard in the order of its pictures; tokens arrive batch by batch, in any order."""

    columns: dict[str, list[Any]]
    tokens: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    bits: float = 0.0


class Encoder:
    """Turns units into shards with a tokenizer on a device, in batches of pictures of one size."""

    def __init__(self, tokenizer: Tokenizer, pictures: Pictures, batch_size: int):
        self.tokenizer, self.pictures, self.batch_size = tokenizer, pictures, batch_size
        self.features = features_of(tokenizer, pictures)
        self.types = [narrowest(max(part.index_sizes)) for part in tokenizer.quantizers]

    def shard(self, unit: Unit, advance: Callable[[int], object] = lambda images: None) -> tuple[bytes, Footer]:
        """Return the file of a unit and its footer; the same bytes whenever the unit is encoded on such a device.

        `advance` is called with the number of images as they are read.
        """
        columns: dict[str, list[Any]] = {name: [] for name in self.features if not name.startswith(_TOKENS)}
        rows, broken, images, told = _Rows(columns), [], 0, 0

        def batches() -> Iterator[Batch]:
            nonlocal images
            waiting = Waiting(self.batch_size, one_size=self.pictures.side > 0)
            for picture in self.pictures.read(unit):
                images += 1
                if isinstance(picture.views, str):
                    broken.append((picture.key, picture.views))
                    continue
                for row, view in self._add(rows, picture):
                    yield from waiting.add(row, view)
            yield from waiting.rest()

        for batch, tokens in self._encoded(batches()):
            self._store(rows, batch, tokens)
            advance(images - told)
            told = images
        advance(images - told)
        footer = Footer(images, len(rows.tokens), rows.bits, broken)
        return self._file(rows, footer), footer

    def _add(self, rows: _Rows, picture: Picture) -> Iterator[tuple[int, np.ndarray]]:
        """Add the rows of a picture, one a view; yield the number and the pixels of each."""
        assert not isinstance(picture.views, str)
        for name, view in zip(self.pictures.views, picture.views, strict=True):
            facts = {KEY: picture.key, HEIGHT: view.shape[1], WIDTH: view.shape[2], VIEW: name}
            passed = {renamed(column): value for column, value in picture.columns.items()}
            for column, value in (passed | facts).items():
                rows.columns[column].append(value)
            rows.tokens.append(())
            yield len(rows.tokens) - 1, view

    def _encoded(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Tokens]]:
        """Yield each batch with its tokens."""

        def encode(batch: Batch) -> tuple[Batch, Tokens]:
            return batch, self.tokenizer.encode(torch.from_numpy(np.stack([view for _, view in batch])))

        return batch_a_core(encode, batches) if self.tokenizer.device.type == "cpu" else map(encode, batches)

    def _store(self, rows: _Rows, batch: Batch, tokens: Tokens) -> None:
        rows.bits += float(self.tokenizer.bits(tokens).sum())
        grids = [
            grid.flatten(1).cpu().numpy().astype(dtype) for grid, dtype in zip(tokens.grids, self.types, strict=True)
        ]
        for (row, _), *levels in zip(batch, *grids, strict=True):
            rows.tokens[row] = tuple(levels)

    def _file(self, rows: _Rows, footer: Footer) -> bytes:
        arrays = [self._array(rows, name) for name in self.features]
        schema = self.features.arrow_schema
        about = {_FOOTER: json.dumps(footer.__dict__).encode()}
        table = pa.Table.from_arrays(arrays, schema=schema.with_metadata({**schema.metadata, **about}))
        file = io.BytesIO()
        pq.write_table(table, file, row_group_size=_ROW_GROUP, compression="zstd", store_schema=True)
        return file.getvalue()

    def _array(self, rows: _Rows, name: str) -> pa.Array:
        kind = self.features.arrow_schema.field(name).type
        if not name.startswith(_TOKENS):
            return pa.array(rows.columns[name], kind)
        level = int(name.removeprefix(_TOKENS))
        parts = [tokens[level] for tokens in rows.tokens]
        values = pa.array(np.concatenate(parts) if parts else np.empty(0, self.types[level]))
        if self.pictures.side:
            return pa.FixedSizeListArray.from_arrays(values, type=kind)
        ends = np.cumsum([0, *map(len, parts)], dtype=np.int32)
        return pa.ListArray.from_arrays(pa.array(ends), values, type=kind)


def read_footer(file: Any) -> Footer:
    """Return the footer of an open shard."""
    metadata = pq.read_schema(file).metadata or {}
    stored = json.loads(metadata[_FOOTER])
    return Footer(**{**stored, "broken": [tuple(pair) for pair in stored["broken"]]})
