"""Open the training images of a recipe: in memory, mapped from disk, or streamed."""

from typing import get_args

import torch
from torch import Tensor
from tqdm import tqdm

from trainers.data.augment import Augment
from trainers.data.broadcast import read_and_broadcast
from trainers.data.feed import Feed
from trainers.data.loading import BAD_SHARE, Loading
from trainers.data.mapped import Mapped
from trainers.data.memory import Batches, filled, hold_out, readable
from trainers.data.order import Order, share_of
from trainers.data.pictures import Form, StreamTally, Tally
from trainers.data.sets import Splits, open_splits
from trainers.data.source import Source
from trainers.data.streamed import Shards, Streamed, first_images
from trainers.recipes.recipe import Recipe

_CPU = torch.device("cpu")
MEMORY_BYTES = 4 * 2**30
"""Size of the decoded images up to which "auto" is "memory"."""


def open_feed(
    recipe: Recipe,
    data: Source | str | None = None,
    loading: Loading = "auto",
    workers: int = 0,
    bad_share: float = BAD_SHARE,
    rank: int = 0,
    world_size: int = 1,
    device: torch.device = _CPU,
) -> tuple[Feed, Tensor]:
    """Return a recipe's training images as a feed, and its held-out images as (n, c, resolution, resolution) uint8.

    Both are on `device`. The feed augments images; one of its batches is one of the recipe's `accumulate` parts of a
    step. Held-out images are the first ones of a held_out split if the data set has one, otherwise the last ones of the
    train split, or the first ones of a stream. Unreadable ones are left out; a stream replaces them by later images.

    `loading`: "memory" decodes all images now, on the first process, which broadcasts them. "mapped" decodes the same
    batches while training, in `workers` processes (0: in this one). "stream" stores nothing, reads with `workers`
    threads, and has other batches. "auto" is "memory" up to MEMORY_BYTES, else "mapped".

    Every process must call this. Raises ValueError for data that do not fit the recipe, for a missing test split, and
    where more than `bad_share` of the images cannot be read.
    """
    if loading not in get_args(Loading):
        raise ValueError(f"loading={loading!r}: expected one of {', '.join(get_args(Loading))}")
    share = share_of(recipe.batch_size, world_size, recipe.accumulate)
    form = Form(recipe.resolution, recipe.channels, recipe.fit)
    augment = Augment(recipe.side, recipe.resolution, recipe.scale, recipe.flip, recipe.seed)
    if loading == "stream":
        if recipe.train_images:
            raise ValueError("train_images: a stream is always used as a whole; expected 0, or another loading")
        shards = Shards(open_splits(recipe.dataset, ["train", "test"], data, streaming=True)["train"], recipe.dataset)
        unreadable = StreamTally(recipe.dataset, "train", bad_share)
        held, begin = read_and_broadcast(lambda: first_images(shards, recipe.held_out, form, unreadable), device)
        first = tuple(begin.tolist())
        return Streamed(shards, first, form, augment, share, rank, world_size, unreadable, workers, device), held

    splits = open_splits(recipe.dataset, ["train", "test"], data)
    rows, held_out_rows = splits["train"], splits["held_out" if "held_out" in splits else "train"]
    train_rows, held_out = _divide(splits, recipe)
    bad = Tally(recipe.dataset, "train", len(rows), bad_share)
    if loading == "auto":
        fits = (len(train_rows) + len(held_out)) * recipe.resolution**2 * recipe.channels <= MEMORY_BYTES
        loading = "memory" if fits else "mapped"

    def read() -> list[Tensor]:
        tensors = [filled(rows, train_rows, form, bad)] if loading == "memory" else []
        tensors.append(readable(held_out_rows, held_out, form, bad))
        if not len(tensors[-1]):
            raise ValueError(f"data set {recipe.dataset!r}, split 'train': none of the images held out can be read")
        if bad.count:
            tqdm.write(bad.sentence("the next readable ones stand in for them, or none among those held out"))
        return tensors

    *images, held_out_images = read_and_broadcast(read, device)
    if images:
        batch_size = share * world_size
        return Batches(images[0], batch_size, recipe.seed, rank, world_size, augment, bad), held_out_images
    order = Order(len(train_rows), share * world_size, recipe.seed, rank, world_size)
    return Mapped(rows, train_rows, form, augment, order, bad, workers, device), held_out_images


def _divide(splits: Splits, recipe: Recipe) -> tuple[range, range]:
    """Return the rows of the train split to train on, and the rows held out, of "held_out" where that is a split."""
    rows = range(len(splits["train"]))
    if "held_out" in splits:
        train_rows, held_out = rows, range(min(len(splits["held_out"]), recipe.held_out))
    else:
        train_rows, held_out = hold_out(rows, recipe.held_out)
    if recipe.train_images > len(train_rows):
        raise ValueError(f"train_images={recipe.train_images}: there are {len(train_rows)} that are not held out")
    return train_rows[: recipe.train_images or None], held_out
