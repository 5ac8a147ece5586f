"""Measure how long training steps take on this machine, and how many of them fit into some minutes."""

import math
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from accelerate import Accelerator
from torch import Tensor

from trainers.data.feed import Feed
from trainers.loop.objective import held_out_terms
from trainers.loop.options import Options
from trainers.loop.start import start
from trainers.recipes.recipe import Recipe
from trainers.step import build_parts, train_step

STEPS = 8
"""Steps to time, after a first one that initializes the codebooks."""
_FEWEST = 20
_SHARE = 0.9
"""Share of the remaining time to plan for steps, as a machine may become slower."""
_MEASURED = 6.0
"""Seconds per image of the final evaluation, in multiples of a held-out evaluation: it tries three types of weights,
and computes LPIPS."""


@dataclass(frozen=True)
class Pace:
    """Seconds that parts of a training take on this machine.

    start: until the second step. step: one step. evaluation: a held-out evaluation, per image. held_out: number of
    held-out images.
    """

    start: float
    step: float
    evaluation: float
    held_out: int

    def finishing(self, test_images: int) -> float:
        """Return the seconds of the final evaluation."""
        return 5.0 + _MEASURED * self.evaluation * test_images

    def steps(self, minutes: float, elapsed: float, evaluations: int, test_images: int) -> int:
        """Return how many steps fit into some minutes, of which `elapsed` seconds have passed, besides evaluations.

        Raises ValueError for fewer than 20 steps.
        """
        fixed = elapsed + self.start + evaluations * self.evaluation * self.held_out + self.finishing(test_images)
        steps = math.floor(_SHARE * (60 * minutes - fixed) / self.step)
        if steps < _FEWEST:
            needed = math.ceil((fixed + _FEWEST * self.step / _SHARE) / 6) / 10
            raise ValueError(
                f"minutes={minutes:g}: {_FEWEST} steps and the measuring take {needed:.1f} minutes on this machine; "
                "expected as many at least"
            )
        return steps


def measure_pace(recipe: Recipe, opened: tuple[Feed, Tensor], options: Options, accelerator: Accelerator) -> Pace:
    """Time some steps and an evaluation of a tokenizer, which is then discarded; every process must call this."""
    feed, held_out = opened
    start_time = time.monotonic()
    tokenizer = recipe.build()
    start(recipe, tokenizer, feed, options.cards)
    parts = build_parts(recipe, tokenizer, accelerator)
    with closing(feed.batches(0)) as batches:
        train_step(parts, islice(batches, recipe.accumulate), 0)
        started = time.monotonic()
        for step in range(1, STEPS + 1):
            train_step(parts, islice(batches, recipe.accumulate), step)
    stepped = time.monotonic()
    sample = held_out[:32]
    held_out_terms(tokenizer, parts.image_terms, sample, STEPS)
    evaluated = time.monotonic()
    return Pace(started - start_time, (stepped - started) / STEPS, (evaluated - stepped) / len(sample), len(held_out))
