"""Warnings during training: exploding losses, collapsing codebooks, over-fitting, numbers that are not finite."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, get_args

from trainers.recipes.recipe import IMAGE_TERMS

Kind = Literal["not-finite", "exploding", "collapse", "over-fitting"]
KINDS: tuple[Kind, ...] = get_args(Kind)

EXPLODED = 10.0
"""Multiple of the lowest running median above which a loss explodes. Means over 50 steps of healthy runs stay below 1.4
times that median, even where a discriminator starts; runs that diverge exceed 10 within a few rows."""
CALM = 5.0
"""Multiple of the same median below which an explosion is over. It is lower than `EXPLODED` so that a loss that stays
near the limit is reported once."""
WINDOW = 5
"""Training rows in the running median. No loss is judged before that many rows: the first rows fall from a random
start, and one low row must not become the reference."""

COLLAPSED = 0.05
"""Usage below which a codebook has collapsed. Healthy codebooks use more than half of their codevectors, collapsed ones
a few."""
COLLAPSE_PATIENCE = 500
"""First steps, in which usage is not judged: codebooks that start far from the latents need them, and so do revivals,
which act on averages over about a hundred steps."""
COLLAPSE_ROWS = 5
COLLAPSE_STEPS = 200
"""Consecutive rows, and steps from the first to the last of them, in which usage has to be low: one row may be low by
chance."""

WORSE = 0.05
"""Share by which the held-out loss has to exceed its best: evaluations of healthy runs differ by a few percent."""
EVALUATIONS = 3
"""Consecutive evaluations without a new best."""


@dataclass(frozen=True)
class Finding:
    """A warning; text is one sentence with the step, the value and what usually helps."""

    kind: Kind
    step: int
    text: str

    @property
    def row(self) -> dict[str, Any]:
        """The row of metrics.jsonl."""
        return {"step": self.step, "warning": self.kind, "text": self.text}


class Watch:
    """A check of the rows of metrics.jsonl, in order.

    Its state depends on the rows alone: a resumed run passes the rows it already has. A kind of warning is returned
    once, and another time only if its condition ended in between.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = ()):
        self._active: set[Kind] = set()
        self._explosion = _Explosion()
        self._collapse = _Collapse()
        self._over_fitting = _OverFitting()
        for row in rows:
            self.check(row)

    def check(self, row: dict[str, Any]) -> list[Finding]:
        """Return the new warnings of a training or evaluation row; none for rows of other kinds."""
        if "warning" in row:
            return []
        broken = [name for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
        states: dict[Kind, str | bool] = {"not-finite": bool(broken)}
        if broken:
            states["not-finite"] = (
                f"{broken[0]} is {row[broken[0]]}; a smaller --learning-rate, a longer --warmup or, instead of fp16, "
                "--precision bf16 usually helps"
            )
        elif "held_out" in row:
            states["over-fitting"] = self._over_fitting.check(row)
        elif "loss" in row:
            self._over_fitting.train(row)
            states["exploding"] = self._explosion.check(row)
            if "usage" in row:
                states["collapse"] = self._collapse.check(row)
        new = [kind for kind, text in states.items() if isinstance(text, str) and kind not in self._active]
        self._active -= {kind for kind, text in states.items() if text is False}
        self._active |= set(new)
        return [Finding(kind, row["step"], f"step {row['step']:,}: {states[kind]}") for kind in new]


# `check` of each class returns a text if its condition holds in this row, False if the condition has ended, and True if
# neither can be said, so that the last result still applies.


class _Explosion:
    def __init__(self) -> None:
        self.adversarial = False
        self.forget()

    def forget(self) -> None:
        self.last: deque[float] = deque(maxlen=WINDOW)
        self.lowest = math.inf

    def check(self, row: dict[str, Any]) -> str | bool:
        # The adversarial term has no lower bound: a sum with it may be near zero, and ratios of it mean nothing.
        adversarial = "adversarial" in row
        if adversarial != self.adversarial:
            self.adversarial = adversarial
            self.forget()
        loss = _image_terms(row) if adversarial else row["loss"]
        ratio = loss / self.lowest if self.lowest > 0 else 0.0
        lowest = self.lowest
        self.last.append(loss)
        if len(self.last) == WINDOW:
            self.lowest = min(self.lowest, median(self.last))
        if ratio <= EXPLODED:
            return ratio >= CALM
        what = "the sum of the image terms" if adversarial else "the loss"
        return (
            f"{what} is {loss:.4g}, {ratio:.0f} times its lowest ({lowest:.4g}); a smaller --learning-rate or a longer "
            "--warmup usually helps"
        )


class _Collapse:
    def __init__(self) -> None:
        self.low: list[int] = []

    def check(self, row: dict[str, Any]) -> str | bool:
        if row["step"] < COLLAPSE_PATIENCE:
            return True
        if row["usage"] >= COLLAPSED:
            self.low = []
            return False
        self.low = [*self.low[: COLLAPSE_ROWS - 1], row["step"]]
        if len(self.low) < COLLAPSE_ROWS or row["step"] - self.low[0] < COLLAPSE_STEPS:
            return True
        return (
            f"{row['usage']:.1%} of the codevectors are in use, and under {COLLAPSED:.0%} since step {self.low[0]:,}; "
            "--quantizer.revival restart, --quantizer.start latents, a codebook that learns by moving averages (ema) "
            "or a larger --batch-size usually helps"
        )


class _OverFitting:
    def __init__(self) -> None:
        self.best = self.trained_at_best = math.inf
        self.best_step = self.since = 0
        self.losses: list[float] = []  # of the training rows since the last evaluation

    def train(self, row: dict[str, Any]) -> None:
        self.losses.append(_image_terms(row) or row["loss"])

    def check(self, row: dict[str, Any]) -> str | bool:
        held_out = row["held_out"]
        trained = sum(self.losses) / len(self.losses) if self.losses else math.inf
        self.losses = []
        if held_out < self.best:
            self.best, self.trained_at_best, self.best_step, self.since = held_out, trained, row["step"], 0
            return False
        self.since += 1
        worse = held_out / self.best - 1 if self.best > 0 else 0.0
        if self.since < EVALUATIONS or worse <= WORSE or trained >= self.trained_at_best:
            return True
        return (
            f"the held-out loss is {held_out:.4g}, {worse:.0%} above its best ({self.best:.4g} at step "
            f"{self.best_step:,}, whose weights are kept), while the training loss went on falling; more images, fewer "
            "--steps or a smaller codebook usually helps"
        )


def _image_terms(row: dict[str, Any]) -> float:
    """Return the unweighted sum of the terms that compare images, which training rows and held-out losses share."""
    total: float = sum(row.get(name, 0.0) for name in IMAGE_TERMS)
    return total
