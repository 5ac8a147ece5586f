"""Training data that end a run at a chosen step, or differ at every draw."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import torch
from torch import Tensor

from trainers.data.feed import Feed
from trainers.data.open import open_feed
from trainers.loop.fit import fit
from trainers.loop.options import Options
from trainers.loop.session import Session
from trainers.recipes.recipe import Recipe


class Killed(Exception):
    """Stands for the end of the process: nothing in the trainer catches it."""


class ChangedFeed:
    """A feed whose batches go through `change`, which is given the number of the batch, too."""

    def __init__(self, feed: Feed, change: Callable[[int, Tensor], Tensor]):
        self.feed, self.change = feed, change

    @property
    def bad(self) -> Any:
        return self.feed.bad

    def batches(self, start: int, state: Any = None) -> Generator[Tensor, None, None]:
        with closing(self.feed.batches(start, state)) as batches:
            for number, batch in enumerate(batches, start):
                yield self.change(number, batch)

    def state(self) -> Any:
        return self.feed.state()


def changed(change: Callable[[int, Tensor], Tensor]) -> Callable[..., tuple[Feed, Tensor]]:
    """`open_feed` with a ChangedFeed around its feed."""

    def opened(*arguments: Any) -> tuple[Feed, Tensor]:
        feed, held_out = open_feed(*arguments)
        return ChangedFeed(feed, change), held_out

    return opened


def noisy(number: int, batch: Tensor) -> Tensor:
    """Flip the lowest bits by the global generator, so that its state matters."""
    return batch ^ torch.randint(0, 2, batch.shape, dtype=torch.uint8)


def fit_until(step: int, recipe: Recipe, options: Options, change: Callable[[int, Tensor], Tensor] = noisy) -> None:
    """Train until the process ends when it comes to `step`, counted from 0: raises Killed."""

    def deadly(number: int, batch: Tensor) -> Tensor:
        if number == step * recipe.accumulate:
            raise Killed
        return change(number, batch)

    fit(Session(recipe, options, changed(deadly)))
