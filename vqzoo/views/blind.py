"""Blind comparisons of two models: pictures without names, a vote, then names and metrics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any

from vqzoo.metrics.table import METRICS, names, show_of
from vqzoo.views.comparison import ORIGINAL, Comparison
from vqzoo.views.engine import Engine
from vqzoo.views.pictures import Picture, viewer_value

LEFT, SAME, RIGHT = "Left is closer", "No difference", "Right is closer"
VOTES = (LEFT, SAME, RIGHT)

_FIGURES = (*names("image", table="photographs"), "bits_per_image")
REVEALED = ("picture", "name", *(METRICS[name].head for name in _FIGURES))
TALLIED = ("name", "preferred", "no difference", "not preferred")


@dataclass(frozen=True)
class Trial:
    """The names of the left and the right picture; `photo` and `side` as in `Comparison`."""

    photo: str
    side: int
    left: str
    right: str


@dataclass(frozen=True)
class Vote:
    """A visitor's vote on a trial: one of `VOTES`; `higher` is the name with the higher PSNR."""

    trial: Trial
    choice: str
    higher: str

    @property
    def preferred(self) -> str | None:
        """The name voted closer to the original; None for no difference."""
        return {LEFT: self.trial.left, RIGHT: self.trial.right}.get(self.choice)


def draw(engine: Engine, listed: Comparison, votes: Sequence[Vote], random: Random) -> tuple[Trial, dict[str, Any]]:
    """Draw one of the pairs with the fewest votes; return the trial and a viewer value without names.

    Raises ValueError if fewer than two rows are `listed`.
    """
    names = listed.rows
    if len(names) < 2:
        raise ValueError("A blind comparison needs two: tick at least two models and press Compare.")
    seen = Counter(frozenset((vote.trial.left, vote.trial.right)) for vote in votes)
    pairs = list(combinations(names, 2))
    fewest = min(seen[frozenset(pair)] for pair in pairs)
    left, right = random.sample(random.choice([pair for pair in pairs if seen[frozenset(pair)] == fewest]), 2)
    photo = engine.photo(listed.photo, listed.side)
    one, two = engine.recall([left, right], photo)
    pictures = [Picture("left", one.pixels), Picture(ORIGINAL, photo.pixels), Picture("right", two.pixels)]
    return Trial(listed.photo, listed.side, left, right), viewer_value(pictures, "Which one is closer to the original?")


def cast(engine: Engine, trial: Trial, choice: str) -> tuple[Vote, list[list[Any]]]:
    """Return the vote and the rows of the `REVEALED` table: names and metrics of both pictures."""
    names = (trial.left, trial.right)
    one, two = engine.recall(names, engine.photo(trial.photo, trial.side))
    higher = trial.left if one.metrics["psnr"] >= two.metrics["psnr"] else trial.right
    rows = [
        [picture, name, *(show_of(metric, result.metrics) for metric in _FIGURES)]
        for picture, name, result in zip(("left", "right"), names, (one, two), strict=True)
    ]
    return Vote(trial, choice, higher), rows


def tally(votes: Sequence[Vote]) -> list[list[Any]]:
    """Return the rows of the `TALLIED` table, the most preferred name first."""
    counts: dict[str, list[int]] = {}
    for vote in votes:
        for name in (vote.trial.left, vote.trial.right):
            column = 1 if vote.preferred is None else 0 if vote.preferred == name else 2
            counts.setdefault(name, [0, 0, 0])[column] += 1
    return sorted(([name, *count] for name, count in counts.items()), key=lambda row: (-row[1], row[3], row[0]))


def agreement(votes: Sequence[Vote]) -> str:
    """Return a sentence on how often visitors preferred the picture with the higher PSNR."""
    decided = [vote for vote in votes if vote.preferred is not None]
    if not decided:
        return "No vote yet that prefers one."
    agreed = sum(vote.preferred == vote.higher for vote in decided)
    return f"{agreed} of {len(decided)} {'vote' if len(decided) == 1 else 'votes'} preferred the one of higher PSNR."
