"""Images streamed from files or from the Hub, with nothing stored: for data sets that do not fit on the disk."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain, repeat
from typing import Any, NamedTuple

import datasets
import torch
from torch import Tensor
from tqdm import tqdm

from trainers.data.augment import Augment
from trainers.data.draws import bits
from trainers.data.order import permutation
from trainers.data.pictures import Form, StreamTally, Unreadable, try_decode
from vqzoo.ops.prefetch import prefetch

BLOCK = 1024
"""Images that are shuffled together."""
_CHUNK = 16
"""Images that a thread decodes at a time."""
_ROWS = 2**40
"""Upper bound of the rows of a shard: the index of an image is shard * _ROWS + row."""


class Shards:
    """The files of a split, each readable from any row on."""

    def __init__(self, rows: datasets.IterableDataset, dataset: str):
        self.rows, self.dataset, self.num = rows, dataset, rows.num_shards

    def read(self, shard: int, begin: int) -> Iterator[Any]:
        """Yield the encoded images of a shard from row `begin` on; raises OSError where it cannot be read."""
        part = self.rows.shard(num_shards=self.num, index=shard)
        rows = iter(part.skip(begin) if begin else part)
        while True:
            try:
                row = next(rows, None)
            except Exception as error:  # `datasets` raises errors of files, of parquet and of the Hub's clients
                raise OSError(
                    f"data set {self.dataset!r}: shard {shard} of {self.num} can no longer be read ({error}); put it "
                    "back, or wait for the network, and go on with --resume"
                ) from error
            if row is None:
                return
            yield row["image"]


@dataclass(frozen=True)
class Cursor:
    """Where a process is in its stream: at `position` of the block that begins at `row` of the epoch's `nth` shard."""

    epoch: int = 0
    nth: int = 0
    row: int = 0
    seen: int = 0
    """Rows that this process read in the epoch before the block."""
    block: int = 0
    position: int = 0


@dataclass(frozen=True)
class _Image:
    shard: int
    row: int
    cell: Any

    def __str__(self) -> str:
        return f"shard {self.shard}, row {self.row}"


class _Decoded(NamedTuple):
    next_cursor: Cursor
    """Of the image after this one."""
    name: str
    image: Tensor | Unreadable


class Streamed:
    """Endless batches of a stream, which resume exactly.

    Every epoch has a new order of the shards, and each block of BLOCK consecutive images of a process is shuffled:
    `datasets`' own shuffling loses its buffer when it resumes. Other kinds of loading shuffle all images, so that a
    data set sorted by class needs many shards to be streamed. Each process reads its own shards if their number is a
    multiple of that of the processes; otherwise every process reads all and uses every n-th row. Each process counts
    its own epochs, in which each of its images comes once. Augmentation of an image depends on the epoch, the shard and
    the row. Unreadable images are skipped.
    """

    def __init__(
        self,
        shards: Shards,
        begin: tuple[int, int],
        form: Form,
        augment: Augment,
        share: int,
        rank: int,
        world_size: int,
        bad: StreamTally,
        workers: int,
        device: torch.device,
    ):
        """Set up the stream; `begin` is (shard, row) of the first training image, all images before it are held out."""
        self.shards, self.begin, self.form, self.augment, self.share = shards, begin, form, augment, share
        self.rank, self.world_size, self.bad = rank, world_size, bad
        self.threads, self.device = max(1, workers), device
        self.cursor = Cursor()

    def batches(self, start: int, state: Any = None) -> Generator[Tensor, None, None]:
        """Yield batches as `Feed.batches` does."""
        self.cursor = self._resume(start, state)
        return self._batches(self.cursor)

    def state(self) -> dict[str, Any]:
        """Return where this process is, and of which stream."""
        return {"processes": self.world_size, "shards": self.shards.num, "place": asdict(self.cursor)}

    def _resume(self, start: int, state: Any) -> Cursor:
        if state is None:
            if start:
                raise ValueError("this run was not loading='stream' until now: go on with 'memory' or 'mapped'")
            return Cursor()
        if state["processes"] != self.world_size:
            raise ValueError(
                f"a stream resumes with as many processes as it was saved with: {state['processes']}, not "
                f"{self.world_size}"
            )
        if state["shards"] != self.shards.num:
            raise ValueError(
                f"data set {self.shards.dataset!r} had {state['shards']} shards when this run began and has "
                f"{self.shards.num} now: a stream goes on with the same files only"
            )
        return Cursor(**state["place"])

    def _batches(self, cursor: Cursor) -> Generator[Tensor, None, None]:
        batch: list[Tensor] = []
        depth = 2 * self.share // _CHUNK + self.threads
        # The consumer may stop at any batch: closing the generators ends their threads.
        with (
            closing(self._chunks(cursor)) as chunks,
            closing(prefetch(self._decode, chunks, depth, self.threads)) as decoded,
        ):
            for next_cursor, name, square in chain.from_iterable(decoded):
                self.bad.add_read()
                if isinstance(square, Unreadable):
                    if self.bad.add(name, str(square)):
                        where = f"data set {self.bad.dataset!r}, split {self.bad.split!r}"
                        tqdm.write(f"{where}: {name} cannot be read ({square}) and is skipped")
                    continue
                batch.append(square)
                if len(batch) == self.share:
                    self.cursor = next_cursor
                    yield torch.stack(batch).to(self.device)
                    batch = []

    def _decode(self, chunk: tuple[Cursor, list[_Image]]) -> list[_Decoded]:
        """Decode and augment the images of a chunk, given with the cursor of its first."""
        cursor, images = chunk
        squares = [try_decode(image.cell, self.form) for image in images]
        results: dict[int, Tensor | Unreadable] = {
            number: square for number, square in enumerate(squares) if isinstance(square, Unreadable)
        }
        good = [number for number in range(len(squares)) if number not in results]
        if good:
            indices = torch.tensor([images[number].shard * _ROWS + images[number].row for number in good])
            pixels = torch.stack([torch.from_numpy(squares[number]) for number in good])
            epochs = torch.full((len(good),), cursor.epoch)
            results |= zip(good, self.augment(pixels, epochs, indices), strict=True)
        return [
            _Decoded(replace(cursor, position=cursor.position + number + 1), str(images[number]), results[number])
            for number in range(len(images))
        ]

    def _chunks(self, cursor: Cursor) -> Generator[tuple[Cursor, list[_Image]], None, None]:
        """Yield the shuffled images from `cursor` on, in chunks with the cursor of their first image.

        The next block is read in the background while one is consumed.
        """
        done = cursor.position
        with (
            closing(self._blocks(replace(cursor, position=0))) as source,
            closing(prefetch(lambda _: next(source), repeat(None), depth=1, threads=1)) as blocks,
        ):
            for start, images in blocks:
                key = int(bits(self.augment.seed, start.epoch, self.rank, start.block)[0] >> 1)
                order = torch.randperm(len(images), generator=torch.Generator().manual_seed(key)).tolist()
                for position in range(done, len(images), _CHUNK):
                    chosen = [images[number] for number in order[position : position + _CHUNK]]
                    yield replace(start, position=position), chosen
                done = 0

    def _blocks(self, cursor: Cursor) -> Generator[tuple[Cursor, list[_Image]], None, None]:
        """Yield the blocks of this process, each with its cursor, from the block at `cursor` on, without end."""
        while True:
            images: list[_Image] = []
            seen = cursor.seen
            for nth, image in self._epoch(cursor):
                if self._deals_shards or seen % self.world_size == self.rank:
                    images.append(image)
                seen += 1
                if len(images) == BLOCK:
                    yield cursor, images
                    cursor = replace(cursor, nth=nth, row=image.row + 1, seen=seen, block=cursor.block + 1)
                    images = []
            if images:
                yield cursor, images
            elif not cursor.block:
                raise ValueError(f"data set {self.shards.dataset!r}: no images left for process {self.rank}")
            cursor = Cursor(cursor.epoch + 1)

    def _epoch(self, cursor: Cursor) -> Iterator[tuple[int, _Image]]:
        """Yield the images that this process reads in an epoch, from `cursor` on, with the number of their shard."""
        first, first_row = self.begin
        order = permutation(self.shards.num - first, self.augment.seed, cursor.epoch) + first
        if self._deals_shards:
            order = order[self.rank :: self.world_size]
        for nth, shard in list(enumerate(order.tolist()))[cursor.nth :]:
            begin = max(first_row if shard == first else 0, cursor.row if nth == cursor.nth else 0)
            for row, cell in enumerate(self.shards.read(shard, begin), begin):
                yield nth, _Image(shard, row, cell)

    @property
    def _deals_shards(self) -> bool:
        return bool((self.shards.num - self.begin[0]) % self.world_size == 0)


def first_images(shards: Shards, num: int, form: Form, bad: StreamTally) -> list[Tensor]:
    """Return the first readable images of a stream, and where training begins after them.

    Images are (num, channels, resolution, resolution) uint8; the second tensor, (2,) int64, is the shard and row of the
    next readable image. Raises ValueError where there is none.
    """
    every = (_Image(shard, row, cell) for shard in range(shards.num) for row, cell in enumerate(shards.read(shard, 0)))
    squares: list[Tensor] = []
    decoded = prefetch(lambda image: (image, try_decode(image.cell, form)), every, depth=64)
    with closing(decoded):
        for image, square in decoded:
            bad.add_read()
            if isinstance(square, Unreadable):
                bad.add(str(image), str(square))
            elif len(squares) == num:
                return [torch.stack(squares), torch.tensor([image.shard, image.row])]
            else:
                squares.append(torch.from_numpy(square))
    raise ValueError(f"held_out={num}: expected from 1 to {len(squares) - 1}, the train split less one")
