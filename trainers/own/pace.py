"""How long the steps of a training take on this machine, and how many of them fit into some minutes."""

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
"""Steps that are timed, after one that starts the codebooks."""
_FEWEST = 20
_SHARE = 0.9
"""Of the time that is left to the steps: machines are not always equally fast."""
_MEASURED = 6.0
"""Times as long as an evaluation the measuring at the end takes, an image: three types of weights, and LPIPS."""


@dataclass(frozen=True)
class Pace:
    """Seconds on this machine. start: before the second step. step: of one. evaluation: of one image."""

    start: float
    step: float
    evaluation: float
    held_out: int

    def finishing(self, test_images: int) -> float:
        """Return the seconds that the measuring at the end takes."""
        return 5.0 + _MEASURED * self.evaluation * test_images

    def steps(self, minutes: float, elapsed: float, evaluations: int, test_images: int) -> int:
        """Return how many steps fit into some minutes, of which `passed` seconds are over, besides all else.

        Raises ValueError where hardly any do.
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
    """Time some steps and an evaluation of a tokenizer that is then thrown away; all processes do it together."""
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
