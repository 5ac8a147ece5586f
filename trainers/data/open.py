"""Open the training images of a recipe: all in memory, mapped from disk, or streamed from where they are."""

from typing import get_args

import torch
from torch import Tensor
from tqdm import tqdm

from trainers.data.augment import Augment
from trainers.data.feed import Feed
from trainers.data.loading import BAD_SHARE, Loading
from trainers.data.mapped import Mapped
from trainers.data.memory import Batches, filled, hold_out, readable
from trainers.data.once import once
from trainers.data.order import Order, share_of
from trainers.data.pictures import Form, StreamTally, Tally
from trainers.data.sets import Splits, open_splits
from trainers.data.source import Source
from trainers.data.streamed import Shards, Streamed, first_images
from trainers.recipes.recipe import Recipe

_CPU = torch.device("cpu")
MEMORY_BYTES = 4 * 2**30
"""Up to which "auto" holds the decoded images in memory."""


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
    """The training images of a recipe, augmented, and those held out, whole, (n, c, resolution, resolution) uint8.

    Both on `device`. A batch of the feed is one of the recipe's `accumulate` parts of a step. Held out are the first
    images of a split for it, where there is one, else the last images of the train split, of a stream the first; where
    some of them cannot be read, there are fewer, and of a stream later ones follow.

    `loading`: "memory" decodes everything now, in the first process alone, which sends it to the others; "mapped"
    decodes as it goes, in `workers` processes (0: in this one), and gives the same batches; "stream" stores nothing,
    reads and decodes with as many threads, and gives other batches; "auto" is memory up to MEMORY_BYTES, else mapped.

    To be called by all processes together. Raises ValueError for data that do not fit the recipe, a missing test split
    included, and where more than `bad_share` of the split's images cannot be read.
    """
    if loading not in get_args(Loading):
        raise ValueError(f"loading={loading!r}: expected one of {', '.join(get_args(Loading))}")
    share = share_of(recipe.batch_size, world_size, recipe.accumulate)
    form = Form(recipe.resolution, recipe.channels, recipe.fit)
    augment = Augment(recipe.side, recipe.resolution, recipe.scale, recipe.flip, recipe.seed)
    if loading == "stream":
        if recipe.train_images:
            raise ValueError("train_images: a stream is learnt from as a whole; expected 0, or another loading")
        shards = Shards(open_splits(recipe.dataset, ["train", "test"], data, streaming=True)["train"], recipe.dataset)
        seen = StreamTally(recipe.dataset, "train", bad_share)
        shown, place = once(lambda: first_images(shards, recipe.held_out, form, seen), device)
        begin = tuple(place.tolist())
        return Streamed(shards, begin, form, augment, share, rank, world_size, seen, workers, device), shown

    splits = open_splits(recipe.dataset, ["train", "test"], data)
    rows, shown_rows = splits["train"], splits["held_out" if "held_out" in splits else "train"]
    kept, held_out = _divide(splits, recipe)
    bad = Tally(recipe.dataset, "train", len(rows), bad_share)
    if loading == "auto":
        fits = (len(kept) + len(held_out)) * recipe.resolution**2 * recipe.channels <= MEMORY_BYTES
        loading = "memory" if fits else "mapped"

    def read() -> list[Tensor]:
        tensors = [filled(rows, kept, form, bad)] if loading == "memory" else []
        tensors.append(readable(shown_rows, held_out, form, bad))
        if not len(tensors[-1]):
            raise ValueError(f"data set {recipe.dataset!r}, split 'train': none of the images held out can be read")
        if bad.count:
            tqdm.write(bad.sentence("the next readable ones stand in for them, or none among those held out"))
        return tensors

    *images, shown = once(read, device)
    if images:
        batch_size = share * world_size
        return Batches(images[0], batch_size, recipe.seed, rank, world_size, augment, bad), shown
    order = Order(len(kept), share * world_size, recipe.seed, rank, world_size)
    return Mapped(rows, kept, form, augment, order, bad, workers, device), shown


def _divide(splits: Splits, recipe: Recipe) -> tuple[range, range]:
    """Return which rows of the train split to learn from, and which of theirs the images held out are."""
    rows = range(len(splits["train"]))
    if "held_out" in splits:
        kept, held_out = rows, range(min(len(splits["held_out"]), recipe.held_out))
    else:
        kept, held_out = hold_out(rows, recipe.held_out)
    if recipe.train_images > len(kept):
        raise ValueError(f"train_images={recipe.train_images}: there are {len(kept)} that are not held out")
    return kept[: recipe.train_images or None], held_out
