"""Images read one after the other from where they are: for data sets that no disk here holds."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain, repeat
from typing import Any

import datasets
import torch
from torch import Tensor
from tqdm import tqdm

from trainers.data.augment import Augment
from trainers.data.draws import bits
from trainers.data.order import permutation
from trainers.data.pictures import Form, StreamTally, Unreadable, ahead, attempt

BLOCK = 1024
"""Images that are shuffled among each other."""
_CHUNK = 16
"""Images that a thread decodes at a time."""
_ROWS = 2**40
"""More than a shard has: an image's index is shard * _ROWS + row."""


class Shards:
    """The files of a split, each of which can be read from any row on."""

    def __init__(self, rows: datasets.IterableDataset, dataset: str):
        self.rows, self.dataset, self.num = rows, dataset, rows.num_shards

    def read(self, shard: int, begin: int) -> Iterator[Any]:
        """The encoded images of a shard from row `begin` on; raises OSError where it cannot be read."""
        part = self.rows.shard(num_shards=self.num, index=shard)
        rows = iter(part.skip(begin) if begin else part)
        while True:
            try:
                row = next(rows, None)
            except Exception as error:  # of a file, of parquet or of any of the Hub's clients
                raise OSError(
                    f"data set {self.dataset!r}: shard {shard} of {self.num} can no longer be read ({error}); put it "
                    "back, or wait for the network, and go on with --resume"
                ) from error
            if row is None:
                return
            yield row["image"]


@dataclass(frozen=True)
class Place:
    """Where a process is in its stream: `position` in the block that begins at `row` of the epoch's `nth` shard."""

    epoch: int = 0
    nth: int = 0
    row: int = 0
    seen: int = 0
    """Rows of the epoch before the block, over all that this process reads."""
    block: int = 0
    position: int = 0


@dataclass(frozen=True)
class _Image:
    shard: int
    row: int
    cell: Any

    def __str__(self) -> str:
        return f"shard {self.shard}, row {self.row}"


class Streamed:
    """Batches of a stream that goes on for ever, the same ones after a resumption.

    In every epoch the shards come in an order of their own, and each run of BLOCK images of a process is shuffled. That
    is less than in other loading: a data set that is sorted by class must have many shards. Processes deal the shards
    out among each other where their number allows, else the rows, each then reading all. Epochs are a process's own: in
    each, its images come once. What is drawn for an image depends on the epoch, its shard and its row there. Images
    that cannot be read are skipped.
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
        """`begin`: shard and row of the first image to train on; those before it are held out."""
        self.shards, self.begin, self.form, self.augment, self.share = shards, begin, form, augment, share
        self.rank, self.world_size, self.bad = rank, world_size, bad
        self.threads, self.device = max(1, workers), device
        self.place = Place()

    def batches(self, start: int, state: Any = None) -> Generator[Tensor, None, None]:
        self.place = self._taken_up(start, state)
        return self._batches(self.place)

    def state(self) -> dict[str, Any]:
        return {"processes": self.world_size, "shards": self.shards.num, "place": asdict(self.place)}

    def _taken_up(self, start: int, state: Any) -> Place:
        if state is None:
            if start:
                raise ValueError("this run was not loading='stream' until now: go on with 'memory' or 'mapped'")
            return Place()
        if state["processes"] != self.world_size:
            raise ValueError(
                f"a stream is taken up by as many processes as it was left by: {state['processes']}, not "
                f"{self.world_size}"
            )
        if state["shards"] != self.shards.num:
            raise ValueError(
                f"data set {self.shards.dataset!r} had {state['shards']} shards when this run began and has "
                f"{self.shards.num} now: a stream goes on with the same files only"
            )
        return Place(**state["place"])

    def _batches(self, place: Place) -> Generator[Tensor, None, None]:
        batch: list[Tensor] = []
        depth = 2 * self.share // _CHUNK + self.threads
        # Closed in turn, so that no thread is left behind.
        with closing(self._chunks(place)) as chunks, closing(ahead(self._decode, chunks, depth, self.threads)) as ready:
            for behind, name, square in chain.from_iterable(ready):
                self.bad.see()
                if isinstance(square, Unreadable):
                    if self.bad.add(name, str(square)):
                        where = f"data set {self.bad.dataset!r}, split {self.bad.split!r}"
                        tqdm.write(f"{where}: {name} cannot be read ({square}) and is skipped")
                    continue
                batch.append(square)
                if len(batch) == self.share:
                    self.place = behind
                    yield torch.stack(batch).to(self.device)
                    batch = []

    def _decode(self, chunk: tuple[Place, list[_Image]]) -> list[tuple[Place, str, Tensor | Unreadable]]:
        """Of each image: the place behind it, its name and what a training step sees of it."""
        place, images = chunk
        squares = [attempt(image.cell, self.form) for image in images]
        seen: dict[int, Tensor | Unreadable] = {
            number: square for number, square in enumerate(squares) if isinstance(square, Unreadable)
        }
        good = [number for number in range(len(squares)) if number not in seen]
        if good:
            indices = torch.tensor([images[number].shard * _ROWS + images[number].row for number in good])
            pixels = torch.stack([torch.from_numpy(squares[number]) for number in good])
            epochs = torch.full((len(good),), place.epoch)
            seen |= zip(good, self.augment(pixels, epochs, indices), strict=True)
        return [
            (replace(place, position=place.position + number + 1), str(images[number]), seen[number])
            for number in range(len(images))
        ]

    def _chunks(self, place: Place) -> Generator[tuple[Place, list[_Image]], None, None]:
        """The images from `place` on, some at a time with the place of their first. A block is read in the background
        while one is handed out."""
        done = place.position
        with (
            closing(self._blocks(replace(place, position=0))) as source,
            closing(ahead(lambda _: next(source), repeat(None), depth=1, threads=1)) as blocks,
        ):
            for start, images in blocks:
                key = int(bits(self.augment.seed, start.epoch, self.rank, start.block)[0] >> 1)
                order = torch.randperm(len(images), generator=torch.Generator().manual_seed(key)).tolist()
                for position in range(done, len(images), _CHUNK):
                    chosen = [images[number] for number in order[position : position + _CHUNK]]
                    yield replace(start, position=position), chosen
                done = 0

    def _blocks(self, place: Place) -> Generator[tuple[Place, list[_Image]], None, None]:
        """Each block of this process with where it begins, from one that begins at `place` on, for ever."""
        while True:
            images: list[_Image] = []
            seen = place.seen
            for nth, image in self._epoch(place):
                if self._deals_shards or seen % self.world_size == self.rank:
                    images.append(image)
                seen += 1
                if len(images) == BLOCK:
                    yield place, images
                    place = replace(place, nth=nth, row=image.row + 1, seen=seen, block=place.block + 1)
                    images = []
            if images:
                yield place, images
            elif not place.block:
                raise ValueError(f"data set {self.shards.dataset!r}: no images left for process {self.rank}")
            place = Place(place.epoch + 1)

    def _epoch(self, place: Place) -> Iterator[tuple[int, _Image]]:
        """The images of the shards that this process reads in an epoch, from `place` on, with the shards' places."""
        first, first_row = self.begin
        order = permutation(self.shards.num - first, self.augment.seed, place.epoch) + first
        if self._deals_shards:
            order = order[self.rank :: self.world_size]
        for nth, shard in list(enumerate(order.tolist()))[place.nth :]:
            begin = max(first_row if shard == first else 0, place.row if nth == place.nth else 0)
            for row, cell in enumerate(self.shards.read(shard, begin), begin):
                yield nth, _Image(shard, row, cell)

    @property
    def _deals_shards(self) -> bool:
        return (self.shards.num - self.begin[0]) % self.world_size == 0


def first_images(shards: Shards, num: int, form: Form, bad: StreamTally) -> list[Tensor]:
    """The first images of a stream that can be read, (num, channels, resolution, resolution) uint8, and the shard and
    row, (2,) int64, of the one behind them, with which training begins. Raises ValueError where there is none."""
    every = (_Image(shard, row, cell) for shard in range(shards.num) for row, cell in enumerate(shards.read(shard, 0)))
    squares: list[Tensor] = []
    ready = ahead(lambda image: (image, attempt(image.cell, form)), every, depth=64)
    with closing(ready):
        for image, square in ready:
            bad.see()
            if isinstance(square, Unreadable):
                bad.add(str(image), str(square))
            elif len(squares) == num:
                return [torch.stack(squares), torch.tensor([image.shard, image.row])]
            else:
                squares.append(torch.from_numpy(square))
    raise ValueError(f"held_out={num}: expected from 1 to {len(squares) - 1}, the train split less one")
