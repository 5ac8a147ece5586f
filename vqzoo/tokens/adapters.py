"""A token set in other formats, and back: arrays of NumPy, tar files of webdataset, shards of mosaicml-streaming."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vqzoo.ops.check import check_choice
from vqzoo.tokens.manifest import write_manifest
from vqzoo.tokens.store import Store
from vqzoo.tokens.tables import batches, finished_manifest, shards, token_columns, values

_ROWS = 8192
"""Rows that are converted at a time, and rows of a shard."""


@dataclass(frozen=True)
class Split:
    """A split in a folder: its name, the number of rows, and its columns as `datasets` describes them."""

    folder: Path
    name: str
    rows: int
    features: datasets.Features

    @property
    def tokens(self) -> list[str]:
        """Names of the columns of indices, a level each."""
        return token_columns(self.features)

    def facts(self, table: pa.Table) -> list[dict[str, Any]]:
        """Return the other columns, a record a row."""
        records: list[dict[str, Any]] = table.drop_columns(self.tokens).to_pylist()
        return records

    def table(self, facts: list[dict[str, Any]], tokens: list[list[np.ndarray]]) -> pa.Table:
        """Return rows as a table again, given their facts and the arrays of each level."""
        columns = dict(zip(self.tokens, tokens, strict=True))
        return pa.table(
            [
                pa.array(columns[name] if name in columns else [row[name] for row in facts], kind.type)
                for name, kind in zip(self.features, self.features.arrow_schema, strict=True)
            ],
            schema=self.features.arrow_schema,
        )


@dataclass(frozen=True)
class _Format:
    write: Callable[[Split, Iterator[pa.Table]], None]
    read: Callable[[Split], Iterator[pa.Table]]


def export(folder: Path, out: Path, to: str) -> dict[str, int]:
    """Write a token set, in whatever of these formats it is, in another one; return the rows of each split.

    Raises ValueError where `out` exists, for a set that is not finished, and where a library is missing.
    """
    check_choice("to", to, FORMATS)
    manifest = finished_manifest(folder)
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} exists; choose another folder")
    before = FORMATS[manifest.get("files", "parquet")]
    features = manifest.get("features") or _features(folder, manifest).to_dict()
    columns = datasets.Features.from_dict(features)
    counts = {split: count["rows"] for split, count in manifest["counts"].items()}
    written = json.loads(json.dumps(manifest))
    for split, rows in counts.items():
        FORMATS[to].write(Split(out, split, rows, columns), before.read(Split(folder, split, rows, columns)))
        written["splits"][split]["shards"] = -(-rows // _ROWS)
    write_manifest(Store(str(out)), {**written, "files": to, "features": features})
    return counts


def _features(folder: Path, manifest: dict[str, Any]) -> datasets.Features:
    first = shards(folder, next(iter(manifest["splits"])))[0]
    return datasets.Features.from_arrow_schema(pq.read_schema(first))


def _library(name: str, package: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ValueError(f"this format needs {package}: pip install {package}") from None


def _write_parquet(split: Split, tables: Iterator[pa.Table]) -> None:
    number = -(-split.rows // _ROWS)
    (split.folder / "data").mkdir(parents=True, exist_ok=True)
    for each, table in enumerate(tables):
        path = split.folder / "data" / f"{split.name}-{each:05}-of-{number:05}.parquet"
        pq.write_table(table.cast(split.features.arrow_schema), path, compression="zstd")


def _read_parquet(split: Split) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    for rows in batches(split.folder, split.name, _ROWS):
        waiting.append(rows.table)
        together = pa.concat_tables(waiting)
        while len(together) >= _ROWS:
            yield together.slice(0, _ROWS)
            together = together.slice(_ROWS)
        waiting = [together]
    if waiting and len(waiting[0]):
        yield waiting[0]


def _write_npy(split: Split, tables: Iterator[pa.Table]) -> None:
    folder = split.folder / split.name
    folder.mkdir(parents=True)
    arrays = {}
    for name in split.tokens:
        kind = split.features[name]
        if kind.length < 0:
            raise ValueError("to='npy': images of this set have sizes of their own; expected webdataset or mds")
        shape = (split.rows, kind.length)
        arrays[name] = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.dtype(kind.feature.dtype), shape)
    start = 0
    with (folder / "columns.jsonl").open("w", encoding="utf-8") as file:
        for table in tables:
            for level, array in enumerate(arrays.values()):
                array[start : start + len(table)] = np.stack(values(table, level))
            file.writelines(json.dumps(row) + "\n" for row in split.facts(table))
            start += len(table)
    for array in arrays.values():
        array.flush()


def _read_npy(split: Split) -> Iterator[pa.Table]:
    folder = split.folder / split.name
    arrays = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in split.tokens]
    with (folder / "columns.jsonl").open(encoding="utf-8") as file:
        for start in range(0, split.rows, _ROWS):
            parts = [list(array[start : start + _ROWS]) for array in arrays]
            yield split.table([json.loads(file.readline()) for _ in parts[0]], parts)


def _write_webdataset(split: Split, tables: Iterator[pa.Table]) -> None:
    library = _library("webdataset", "webdataset")
    (split.folder / split.name).mkdir(parents=True)
    pattern = str(split.folder / split.name / "%06d.tar")
    with library.ShardWriter(pattern, maxcount=_ROWS, verbose=0, mtime=0) as writer:
        for row, (facts, tokens) in enumerate(_samples(split, tables)):
            arrays = {f"{name}.npy": array for name, array in tokens.items()}
            writer.write({"__key__": f"{row:012}", "json": facts, **arrays})


def _read_webdataset(split: Split) -> Iterator[pa.Table]:
    library = _library("webdataset", "webdataset")
    files = sorted(map(str, (split.folder / split.name).glob("*.tar")))
    samples = library.WebDataset(files, shardshuffle=False).decode() if files else ()
    yield from _tables(
        split, ((sample["json"], [sample[f"{name}.npy"] for name in split.tokens]) for sample in samples)
    )


def _write_mds(split: Split, tables: Iterator[pa.Table]) -> None:
    library = _library("streaming", "mosaicml-streaming")
    types = {name: f"ndarray:{split.features[name].feature.dtype}" for name in split.tokens}
    folder = str(split.folder / split.name)
    with library.MDSWriter(out=folder, columns={"json": "json", **types}) as writer:
        for facts, tokens in _samples(split, tables):
            writer.write({"json": facts, **tokens})


def _read_mds(split: Split) -> Iterator[pa.Table]:
    library = _library("streaming", "mosaicml-streaming")
    samples = library.LocalDataset(str(split.folder / split.name))
    rows = (samples[row] for row in range(split.rows))
    yield from _tables(split, ((row["json"], [row[name] for name in split.tokens]) for row in rows))


def _samples(split: Split, tables: Iterator[pa.Table]) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Yield the facts and the indices by level of each row."""
    for table in tables:
        levels = [values(table, level) for level in range(len(split.tokens))]
        for facts, *arrays in zip(split.facts(table), *levels, strict=True):
            yield facts, dict(zip(split.tokens, arrays, strict=True))


def _tables(split: Split, samples: Iterator[tuple[dict[str, Any], list[np.ndarray]]]) -> Iterator[pa.Table]:
    """Yield tables of samples, which are facts and arrays of the levels."""
    while part := list(islice(samples, _ROWS)):
        facts, arrays = zip(*part, strict=True)
        yield split.table(list(facts), [list(level) for level in zip(*arrays, strict=True)])


FORMATS = {
    "parquet": _Format(_write_parquet, _read_parquet),
    "npy": _Format(_write_npy, _read_npy),
    "webdataset": _Format(_write_webdataset, _read_webdataset),
    "mds": _Format(_write_mds, _read_mds),
}
