"""Images decoded once, into one uint8 tensor in memory."""

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
from trainers.data.pictures import Form, StreamTally, Tally, Unreadable, try_decode
from trainers.data.sets import open_splits
from trainers.data.source import Source
from vqzoo.ops.prefetch import prefetch

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
    """Return a split as (n, channels, resolution, resolution) uint8, in the data set's order.

    `data` is a local folder, or a `Source`; None: VQZOO_DATA/<dataset> where that exists, else the Hub. Images of
    another size are resized as `fit` says (see `pictures.Form`). Unreadable images are left out, and a line is printed
    about them. `streaming` reads this split alone and stores nothing. Raises ValueError for a missing folder, data set,
    split or image column, and where more than `bad_share` of the images cannot be read.
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
        for number, square in enumerate(prefetch(lambda cell: try_decode(cell, form), cells, 8 * _CHUNK)):
            tally.add_read()
            if isinstance(square, Unreadable):
                tally.add(f"row {number}", str(square))
            else:
                squares.append(square)
        images = torch.from_numpy(np.stack(squares or [np.empty((0, channels, resolution, resolution), np.uint8)]))
    if tally.count:
        tqdm.write(tally.sentence("and are left out"))
    return images


def read(rows: datasets.Dataset, numbers: range, form: Form, tally: Tally) -> tuple[Tensor, list[int]]:
    """Decode these rows with threads; return the images, and the positions in `numbers` that could not be read.

    Images are (len(numbers), channels, resolution, resolution) uint8, undefined at these positions.
    """
    pixels = np.empty((len(numbers), form.channels, form.resolution, form.resolution), np.uint8)
    chunks = [range(start, min(start + _CHUNK, len(numbers))) for start in range(0, len(numbers), _CHUNK)]
    cells = (rows[numbers[chunk.start] : numbers[chunk.stop - 1] + 1]["image"] for chunk in chunks)
    results = prefetch(lambda batch: [try_decode(cell, form) for cell in batch], cells, _CHUNKS_AHEAD)
    bad = []
    for chunk, squares in zip(chunks, results, strict=True):
        for position, square in zip(chunk, squares, strict=True):
            if isinstance(square, Unreadable):
                bad.append(position)
                tally.add(f"row {numbers[position]}", str(square))
            else:
                pixels[position] = square
    return torch.from_numpy(pixels), bad


def readable(rows: datasets.Dataset, numbers: range, form: Form, tally: Tally) -> Tensor:
    """Return the readable images of these rows, as evaluation must not count an image twice."""
    images, bad = read(rows, numbers, form, tally)
    return images[sorted(set(range(len(images))) - set(bad))] if bad else images


def filled(rows: datasets.Dataset, numbers: range, form: Form, tally: Tally) -> Tensor:
    """Return an image for each of these rows; the next readable one stands in for one that cannot be read."""
    images, bad = read(rows, numbers, form, tally)
    if len(bad) == len(images):
        raise ValueError(f"data set {tally.dataset!r}, split {tally.split!r}: no image can be read")
    unread = set(bad)
    for position in bad:
        images[position] = images[next(other for other in cycle_from(position + 1, len(images)) if other not in unread)]
    return images


def cycle_from(start: int, num: int) -> Iterator[int]:
    """Return the numbers start, start + 1, ..., num - 1, 0, ..., start - 1."""
    return (number % num for number in range(start, start + num))


def hold_out(images: Images, held_out: int) -> tuple[Images, Images]:
    """Split `images`, or a range of row numbers, into (training images, held-out images).

    The last ones are held out, because published data sets are shuffled.
    """
    if not 0 < held_out < len(images):
        raise ValueError(f"held_out={held_out}: expected from 1 to {len(images) - 1}, the train split less one")
    return images[:-held_out], images[-held_out:]


class Batches:
    """Training batches of images in memory.

    A batch depends on its number alone (see `Order`), so a resumed run gets the batches that it would have got.
    """

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
        """Return this process's images of batch `number`, uint8."""
        epochs, rows = self.order.at(number)
        images = self.images[rows.to(self.images.device)]
        return self.augment(images, epochs, rows) if self.augment else images

    def batches(self, start: int, state: Any = None) -> Generator[Tensor, None, None]:
        """Yield batches as `Feed.batches` does."""
        check_stateless(state)
        return (self.at(number) for number in count(start))

    def state(self) -> None:
        """Return None: the number of the batch is enough to resume."""


def check_stateless(state: Any) -> None:
    """Raise ValueError for the state of a stream, with which memory and mapped loading cannot resume."""
    if state is not None:
        raise ValueError("this run was loading='stream' until now, and can only go on so")
