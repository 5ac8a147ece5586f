"""What goes wrong in a training run, told while it does: losses that explode, codebooks that collapse, over-fitting."""

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
"""Times the lowest running median. The means over 50 steps of sound runs stay below 1.4 times it, also where an
adversary joins; a run that diverges passes 10 within a few rows."""
CALM = 5.0
"""Times the same, below which an explosion is over; lower than `EXPLODED`, so that a loss about there is told once."""
WINDOW = 5
"""Training rows in the running median, and needed before a loss is judged: the first ones are the fall from a random
start, and a single lucky row must not become the measure."""

COLLAPSED = 0.05
"""Share of codevectors. Working codebooks use more than half of theirs, collapsed ones a few codevectors."""
COLLAPSE_PATIENCE = 500
"""Steps from the start in which usage is not judged: codebooks that start far from the latents, and revivals, which act
on averages over about a hundred steps, need them."""
COLLAPSE_ROWS = 5
COLLAPSE_STEPS = 200
"""Rows in a row, and steps from the first to the last of them, that usage has to stay low: one low row is chance."""

WORSE = 0.05
"""Share by which the held-out loss has to be above its best: two evaluations of sound runs differ by a few percent."""
EVALUATIONS = 3
"""Evaluations in a row without a new best."""


@dataclass(frozen=True)
class Finding:
    """text: one sentence with the step, the figure and what usually helps."""

    kind: Kind
    step: int
    text: str

    @property
    def row(self) -> dict[str, Any]:
        """As metrics.jsonl has it."""
        return {"step": self.step, "warning": self.kind, "text": self.text}


class Watch:
    """Looks at the rows of a metrics.jsonl in order.

    A pure function of the rows: made with those that a resumed run already has, it goes on as if there had been no
    break. A finding of a kind is given once, and again only after what it tells of had ended in between.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = ()):
        self._told: set[Kind] = set()
        self._explosion = _Explosion()
        self._collapse = _Collapse()
        self._over_fitting = _OverFitting()
        for row in rows:
            self.look(row)

    def look(self, row: dict[str, Any]) -> list[Finding]:
        """What this row newly shows; rows of other kinds than training and evaluation show nothing."""
        if "warning" in row:
            return []
        broken = [name for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
        seen: dict[Kind, str | bool] = {"not-finite": bool(broken)}
        if broken:
            seen["not-finite"] = (
                f"{broken[0]} is {row[broken[0]]}; a smaller --learning-rate, a longer --warmup or, instead of fp16, "
                "--precision bf16 usually helps"
            )
        elif "held_out" in row:
            seen["over-fitting"] = self._over_fitting.look(row)
        elif "loss" in row:
            self._over_fitting.train(row)
            seen["exploding"] = self._explosion.look(row)
            if "usage" in row:
                seen["collapse"] = self._collapse.look(row)
        new = [kind for kind, text in seen.items() if isinstance(text, str) and kind not in self._told]
        self._told -= {kind for kind, text in seen.items() if text is False}
        self._told |= set(new)
        return [Finding(kind, row["step"], f"step {row['step']:,}: {seen[kind]}") for kind in new]


# Each of these tells of a row: a text where the condition holds, False where it has ended, True where it can be called
# neither, so that whatever was told last still stands.


class _Explosion:
    def __init__(self) -> None:
        self.adversarial = False
        self.forget()

    def forget(self) -> None:
        self.last: deque[float] = deque(maxlen=WINDOW)
        self.lowest = math.inf

    def look(self, row: dict[str, Any]) -> str | bool:
        # An adversary's term has no floor: the sum with it passes through zero, and ratios say nothing.
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

    def look(self, row: dict[str, Any]) -> str | bool:
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

    def look(self, row: dict[str, Any]) -> str | bool:
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
    """The terms that compare images, unweighted: what a training row and a held-out loss have in common."""
    return sum(row.get(name, 0.0) for name in IMAGE_TERMS)
