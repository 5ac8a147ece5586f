"""A token set as a data set of PyTorch: memory-mapped, random access, shuffled, resumable."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import datasets
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from vqzoo.tokenizer import Tokens
from vqzoo.tokens.manifest import blank_tokenizer
from vqzoo.tokens.sequences import Order, Sequences
from vqzoo.tokens.shard import VIEW
from vqzoo.tokens.tables import check_splits, finished_manifest, shards, sizes, tokens_of


class TokenSet(Dataset[dict[str, Tensor]]):
    """The rows of a folder that `vqzoo tokenize` wrote, each as {"input_ids": (length,) int64}, a sequence.

    Sequences are those of `Sequences` in `order`; `label` names a column of classes, whose token then stands second in
    each sequence. `view` leaves the rows of other views out. `tokens` returns rows as `Tokens` for `decode`, and `rows`
    is the `datasets.Dataset` with all columns. `datasets` copies the files once, uncompressed, into its cache
    ($HF_DATASETS_CACHE), and maps the copy into memory.

    Raises ValueError for a folder that is none or not finished, and an unknown split, order, view or class column.
    """

    def __init__(self, folder: str | Path, split: str = "", order: Order = "raster", label: str = "", view: str = ""):
        self.manifest = finished_manifest(folder)
        split = split or ("train" if "train" in self.manifest["splits"] else next(iter(self.manifest["splits"])))
        (self.split,) = check_splits(self.manifest, split)
        self.rows = _rows(shards(folder, self.split))
        views = self.manifest["preprocessing"]["views"]
        if view:
            if view not in views:
                raise ValueError(f"view={view!r}: expected one of {', '.join(views)}")
            chosen = [row for row, name in enumerate(self.rows[VIEW]) if name == view]
            self.rows = self.rows.select(chosen)
        feature = self.rows.features.get(label)
        if label and not isinstance(feature, datasets.ClassLabel):
            classes = [name for name, each in self.rows.features.items() if isinstance(each, datasets.ClassLabel)]
            raise ValueError(f"label={label!r}: expected a column of classes: {', '.join(classes) or 'there is none'}")
        self.label, self.order = label, order
        self.classes = int(feature.num_classes) if label else 0
        self._tokenizer = blank_tokenizer(self.manifest)
        side = self.manifest["preprocessing"]["side"]
        self._sequences = lru_cache(64)(self._sequences_of)
        self.size = (side, side) if side else None
        if self.size:
            self._sequences(self.size)  # an order that does not fit is refused now

    @property
    def sequences(self) -> Sequences:
        """The sequences of all rows; ValueError where images have sizes of their own, see `sequences_of`."""
        if self.size is None:
            raise ValueError(
                "images of this set have sizes of their own: sequences_of((height, width)) has those of one"
            )
        return self._sequences(self.size)

    def sequences_of(self, size: tuple[int, int]) -> Sequences:
        """Return the sequences of images of one height and width in pixels."""
        return self._sequences(size)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return self.__getitems__([range(len(self))[row]])[0]

    def __getitems__(self, rows: Sequence[int]) -> list[dict[str, Tensor]]:
        """Return several rows at once, which is what a DataLoader asks for."""
        table = self._table(rows)
        all_sizes = sizes(table)
        items: list[dict[str, Tensor]] = [{} for _ in all_sizes]
        for size in dict.fromkeys(all_sizes):
            numbers = [number for number, each in enumerate(all_sizes) if each == size]
            same = table.take(numbers)
            labels = torch.tensor(same[self.label].to_pylist()) if self.label else None
            flat = self._sequences(size).flatten(tokens_of(self._tokenizer, same), labels)
            for number, sequence in zip(numbers, flat, strict=True):
                items[number] = {"input_ids": sequence}
        return items

    def tokens(self, rows: int | slice | Sequence[int]) -> Tokens:
        """Return rows as tokens; ValueError unless their images have one size."""
        table = self._table([rows] if isinstance(rows, int) else rows)
        if len(set(sizes(table))) != 1:
            raise ValueError(f"rows {rows}: images of sizes {sorted(set(sizes(table)))[:3]}; expected one size")
        return tokens_of(self._tokenizer, table)

    def shuffled(self, seed: int, epoch: int = 0, start: int = 0, rank: int = 0, world_size: int = 1) -> "Shuffled":
        """Return a sampler of an epoch for a DataLoader, from sample `start` of this process on."""
        return Shuffled(len(self), seed, epoch, start, rank, world_size)

    def _table(self, rows: slice | Sequence[int]) -> pa.Table:
        table: pa.Table = self.rows.with_format("arrow")[rows]
        return table

    def _sequences_of(self, size: tuple[int, int]) -> Sequences:
        return Sequences(self._tokenizer, size, self.order, self.classes)


class Shuffled(Sampler[int]):
    """All rows in an order that (seed, epoch) decides, from sample `start` on, so that training resumes where it was.

    Each of several processes gets the same number of rows; fewer than `world_size` are left out at the end.
    """

    def __init__(self, rows: int, seed: int, epoch: int = 0, start: int = 0, rank: int = 0, world_size: int = 1):
        self.rows, self.seed, self.epoch, self.start = rows, seed, epoch, start
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        return max(0, self.rows // self.world_size - self.start)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed((self.seed * 0x9E3779B1 + self.epoch) % 2**63)
        order = torch.randperm(self.rows, generator=generator)
        whole = self.rows // self.world_size * self.world_size
        return iter(order[self.rank : whole : self.world_size][self.start :].tolist())


def _rows(paths: list[Path]) -> datasets.Dataset:
    """Return Parquet files as memory-mapped rows, from a cache that depends on their names, sizes and times."""
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    digest = hashlib.blake2b(repr(stats).encode(), digest_size=8).hexdigest()
    cache = str(Path(datasets.config.HF_DATASETS_CACHE, f"vqzoo-tokens-{digest}"))
    files = [str(path) for path in paths]
    return datasets.load_dataset("parquet", data_files={"rows": files}, split="rows", cache_dir=cache)
