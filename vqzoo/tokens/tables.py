"""The rows of a token set as Arrow tables, and tables as tokens."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.tokens.manifest import MANIFEST, read_manifest
from vqzoo.tokens.shard import HEIGHT, WIDTH, token_column
from vqzoo.tokens.store import Store

PARQUET = "parquet"
_SHOWN = 12
"""Indices of a level that a table on a page shows."""


def finished_manifest(folder: str | Path) -> dict[str, Any]:
    """Return the manifest of a token set; ValueError if there is none or parts of the set are missing."""
    manifest = read_manifest(Store(str(folder)))
    if "counts" not in manifest:
        raise ValueError(f"{folder}: parts are missing; go on with the command that began it, or wait for its workers")
    return manifest


def shards(folder: str | Path, split: str) -> list[Path]:
    """Return the Parquet files of a split, in order; ValueError if one is missing."""
    manifest = finished_manifest(folder)
    if manifest.get("files", PARQUET) != PARQUET:
        raise ValueError(f"{folder} is a copy as {manifest['files']}; export it as parquet first")
    number = manifest["splits"][split]["shards"]
    paths = [Path(folder, "data", f"{split}-{each:05}-of-{number:05}.parquet") for each in range(number)]
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path} is missing, which {MANIFEST} counts")
    return paths


def check_splits(manifest: dict[str, Any], splits: str) -> list[str]:
    """Return the splits of these names, with commas between them, by default all; ValueError for an unknown one."""
    known = list(manifest["splits"])
    names = [name.strip() for name in splits.split(",") if name.strip()] or known
    for name in names:
        if name not in known:
            raise ValueError(f"split={name!r}: expected one of {', '.join(known)}")
    return names


def batches(folder: str | Path, split: str, size: int, first: int = 0, end: int | None = None) -> Iterator["Rows"]:
    """Yield the rows of a split from `first` to before `end`, in order, at most `size` at a time."""
    start = 0
    for path in shards(folder, split):
        with pq.ParquetFile(path) as file:
            if start + file.metadata.num_rows <= first:
                start += file.metadata.num_rows
                continue
            for batch in file.iter_batches(size):
                skipped = min(max(0, first - start), len(batch))
                table = pa.Table.from_batches([batch])[skipped : len(batch) if end is None else max(0, end - start)]
                if len(table):
                    yield Rows(start + skipped, table)
                start += len(batch)
                if end is not None and start >= end:
                    return


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of a split; `first` is the number of the first one."""

    first: int
    table: pa.Table


def token_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns that hold indices, those of the coarsest level first."""
    return [name for name in columns if re.fullmatch(r"tokens_\d+", name)]


def values(table: pa.Table, level: int) -> list[np.ndarray]:
    """Return the indices of a level, one flat array a row, in the type of the file."""
    column = table[token_column(level)].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    if pa.types.is_fixed_size_list(column.type):
        return list(flat.reshape(len(table), column.type.list_size))
    ends = np.cumsum(column.value_lengths().to_numpy(zero_copy_only=False))
    return np.split(flat, ends[:-1])


def sizes(table: pa.Table) -> list[tuple[int, int]]:
    """Return the height and width of each row's image in pixels."""
    return list(zip(table[HEIGHT].to_pylist(), table[WIDTH].to_pylist(), strict=True))


def tokens_of(tokenizer: Tokenizer, table: pa.Table) -> Tokens:
    """Return the tokens of rows whose images have one size; the tokenizer may be without weights."""
    (size,) = set(sizes(table))
    grids = []
    for level, ((height, width), part) in enumerate(zip(tokenizer.grid_sizes(size), tokenizer.quantizers, strict=True)):
        flat = np.stack(values(table, level)).astype(np.int64)
        grids.append(torch.from_numpy(flat).view(len(table), height, width, len(part.index_sizes)))
    return Tokens(tuple(grids), size)


def runs_of_one_size(rows: Rows) -> Iterator[tuple[range, pa.Table]]:
    """Yield consecutive rows whose images have one size, with their numbers."""
    start = 0
    for _, group in groupby(sizes(rows.table)):
        number = len(list(group))
        yield range(rows.first + start, rows.first + start + number), rows.table.slice(start, number)
        start += number


def shown_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file for a page, by heading, "column: type"; of lists the first numbers, as text."""
    table = pq.read_table(path)
    heads = [f"{field.name}: {field.type}" for field in table.schema]
    return [dict(zip(heads, map(_shown, row.values()), strict=True)) for row in table.to_pylist()]


def _shown(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    numbers = " ".join(map(str, value[:_SHOWN]))
    return numbers if len(value) <= _SHOWN else f"{numbers} … of {len(value):,}"
