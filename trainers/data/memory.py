"""Images as one uint8 tensor in memory; each is decoded once a run."""

from collections.abc import Generator, Iterator
from itertools import count
from typing import Any, TypeVar

import datasets
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from trainers.data.augment import Augment
from trainers.data.loading import BAD_SHARE, Fit
from trainers.data.order import Order
from trainers.data.pictures import Form, StreamTally, Tally, Unreadable, ahead, attempt
from trainers.data.sets import open_splits
from trainers.data.source import Source

_CHUNK = 64
_CHUNKS_AHEAD = 32

Images = TypeVar("Images", Tensor, range)


def load_images(
    dataset: str,
    split: str,
    resolution: int,
    channels: int,
    data: Source | str | None = None,
    bad_share: float = BAD_SHARE,
    streaming: bool = False,
    fit: Fit = "crop",
) -> Tensor:
    """Return (n, channels, resolution, resolution) uint8, in the data set's order.

    `data` is a local folder with the data set, or a `Source`; without it VQZOO_DATA/<dataset> is used where that
    exists, else the Hub. Images of another size are resized as `fit` says (`pictures.Form`). Those that cannot be read
    are left out, with a printed line. With `streaming` only this split is read, and nothing is stored. Raises
    ValueError for a folder that is not there, a data set that cannot be had, a missing split, a set without an image
    column, and where more than `bad_share` of the images cannot be read.
    """
    rows = open_splits(dataset, [split], data, streaming)[split]
    form = Form(resolution, channels, fit)
    if isinstance(rows, datasets.Dataset):
        tally = Tally(dataset, split, len(rows), bad_share)
        images = readable(rows, range(len(rows)), form, tally)
    else:
        tally = StreamTally(dataset, split, bad_share)
        squares = []
        cells = (row["image"] for row in rows)
        for number, square in enumerate(ahead(lambda cell: attempt(cell, form), cells, 8 * _CHUNK)):
            tally.see()
            if isinstance(square, Unreadable):
                tally.add(f"row {number}", str(square))
            else:
                squares.append(square)
        images = torch.from_numpy(np.stack(squares or [np.empty((0, channels, resolution, resolution), np.uint8)]))
    if tally.count:
        tqdm.write(tally.sentence("and are left out"))
    return images


def read(rows: datasets.Dataset, numbers: range, form: Form, tally: Tally) -> tuple[Tensor, list[int]]:
    """Return (len(numbers), channels, resolution, resolution) uint8 of these rows, decoded by threads.

    And the places among them that could not be read.
    """
    pixels = np.empty((len(numbers), form.channels, form.resolution, form.resolution), np.uint8)
    chunks = [range(start, min(start + _CHUNK, len(numbers))) for start in range(0, len(numbers), _CHUNK)]
    cells = (rows[numbers[chunk.start] : numbers[chunk.stop - 1] + 1]["image"] for chunk in chunks)
    results = ahead(lambda some: [attempt(cell, form) for cell in some], cells, _CHUNKS_AHEAD)
    bad = []
    for chunk, squares in zip(chunks, results, strict=True):
        for place, square in zip(chunk, squares, strict=True):
            if isinstance(square, Unreadable):
                bad.append(place)
                tally.add(f"row {numbers[place]}", str(square))
            else:
                pixels[place] = square
    return torch.from_numpy(pixels), bad


def readable(rows: datasets.Dataset, numbers: range, form: Form, tally: Tally) -> Tensor:
    """Those of these rows that can be read: what is measured on must not have an image twice."""
    images, bad = read(rows, numbers, form, tally)
    return images[sorted(set(range(len(images))) - set(bad))] if bad else images


def filled(rows: datasets.Dataset, numbers: range, form: Form, tally: Tally) -> Tensor:
    """All of these rows; in the place of one that cannot be read is the next that can, as in mapped loading."""
    images, bad = read(rows, numbers, form, tally)
    if len(bad) == len(images):
        raise ValueError(f"data set {tally.dataset!r}, split {tally.split!r}: no image can be read")
    unread = set(bad)
    for place in bad:
        images[place] = images[next(other for other in cycle_from(place + 1, len(images)) if other not in unread)]
    return images


def cycle_from(start: int, num: int) -> Iterator[int]:
    """The numbers below `num`, once each and round about, beginning with `start`."""
    return (number % num for number in range(start, start + num))


def hold_out(images: Images, held_out: int) -> tuple[Images, Images]:
    """A train split as (images to learn from, images held out): the last ones, as published data sets come shuffled.

    Takes the images, or a range of their numbers.
    """
    if not 0 < held_out < len(images):
        raise ValueError(f"held_out={held_out}: expected from 1 to {len(images) - 1}, the train split less one")
    return images[:-held_out], images[-held_out:]


class Batches:
    """Training batches of images in memory: a function of their number alone (see Order), so that a resumed run sees
    what it would have seen."""

    def __init__(
        self,
        images: Tensor,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        augment: Augment | None = None,
        bad: Tally | None = None,
    ):
        self.images, self.augment = images, augment
        self.order = Order(len(images), batch_size, seed, rank, world_size)
        self.bad = bad or Tally("", "train", len(images))

    def at(self, number: int) -> Tensor:
        """This process's images of batch `number`, uint8."""
        epochs, rows = self.order.at(number)
        images = self.images[rows.to(self.images.device)]
        return self.augment(images, epochs, rows) if self.augment else images

    def batches(self, start: int, state: Any = None) -> Generator[Tensor, None, None]:
        check_stateless(state)
        return (self.at(number) for number in count(start))

    def state(self) -> None:
        return None


def check_stateless(state: Any) -> None:
    """Memory and mapped loading go on from each other's checkpoints, but not from a stream's."""
    if state is not None:
        raise ValueError("this run was loading='stream' until now, and can only go on so")
