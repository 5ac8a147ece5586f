"""A running training, read from its run folder while it is being written."""

import time
import warnings
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vqzoo.analysis.log import Columns, columns, read
from vqzoo.files.storage import read_json
from vqzoo.ops.text import brief
from vqzoo.views.training import TrainingCurves, rate_of

LOG = "metrics.jsonl"
_LARGEST = 256 * 2**20  # bytes of the largest log that is read: months of rows
_SIDE = 8192  # longest side of a sample grid in pixels
_QUIET = 120  # seconds without a new row after which the page says so


@dataclass(frozen=True, eq=False)
class Live:
    """The current state of a run.

    Attributes:
        training: its curves and warnings.
        steps: how many steps its recipe has.
        samples: the step and the newest grid of reconstructions, uint8 (h, w, 3); None before the first evaluation.
        seconds_quiet: seconds since the log was last written to.
        rate: images a second.
    """

    training: TrainingCurves
    steps: int
    samples: tuple[int, np.ndarray] | None
    seconds_quiet: float
    rate: float | None

    @property
    def step(self) -> int:
        """The last step in the log."""
        steps = [*self.training.train.get("step", []), *self.training.held_out.get("step", [])]
        return max([0, *(int(step) for step in steps if step is not None)])

    @property
    def finished(self) -> bool:
        """Whether all steps are done; the evaluation on the test split may still follow."""
        return 0 < self.steps <= self.step


def signature(folder: str) -> tuple[Any, ...]:
    """Return a value that changes when the run has written something, and every minute in which it has not.

    It is made from file attributes alone, as the page asks for it every few seconds.
    """
    path = Path(folder).expanduser()
    try:
        written = (path / LOG).stat()
        quiet = int(time.time() - written.st_mtime) // 60
        grids = len(list((path / "samples").glob("step-*.png")))
        return (folder, written.st_mtime_ns, written.st_size, grids, quiet)
    except (OSError, ValueError):
        return (folder,)


def newest_run(runs: Path) -> Path | None:
    """Return the folder in `runs` whose log was written to last; None without any."""
    logs = sorted(runs.glob(f"*/{LOG}"), key=lambda path: path.stat().st_mtime)
    return logs[-1].parent if logs else None


def follow(folder: str) -> Live:
    """Read a run folder; raises ValueError if it is not one or has no rows yet."""
    if not folder.strip():
        raise ValueError("Name the folder of a run, such as runs/cifar10-looc-256x4.")
    path = Path(folder.strip()).expanduser()
    shown = brief(folder, 120)
    try:
        if not path.is_dir():
            raise ValueError(f"There is no folder {shown}; name that of a run, such as runs/cifar10-looc-256x4.")
        log = path / LOG
        if not (path / "recipe.json").is_file():
            raise ValueError(f"{shown} holds no recipe.json: it is not the folder of a run, or the run has just begun.")
        if not log.is_file() or log.stat().st_size == 0:
            raise ValueError(f"{shown} has no row yet: the first one comes after fifty steps.")
        if log.stat().st_size > _LARGEST:
            raise ValueError(f"{LOG} of {shown} is over {_LARGEST // 2**20} MiB, which is more than this page reads.")
        recipe, rows = read_json(path / "recipe.json"), read(log)
        quiet = time.time() - log.stat().st_mtime
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{shown} cannot be read; name a folder that this machine may read.") from None
    if any(not isinstance(row, dict) or type(row.get("step")) is not int for row in rows):
        raise ValueError(f"{LOG} of {shown} is not that of a run: every line has to be an object with a step.")
    train, held_out = columns(rows)
    if not train and not held_out:
        raise ValueError(f"{shown} has no row yet: the first one comes after fifty steps.")
    warned = [(row["step"], str(row["warning"]), str(row.get("text", ""))) for row in rows if "warning" in row]
    batch, steps = (recipe.get(key) if type(recipe.get(key)) is int else 0 for key in ("batch_size", "steps"))
    rate = rate_of(train)
    name, clock = path.resolve().name, _clock(train, batch or 1)
    training = TrainingCurves(name, batch or 1, train, held_out, warned, steps=steps or 0, clock=clock)
    live = Live(training, steps or 0, _newest(path / "samples"), max(0.0, quiet), rate)
    training.facts.update(_facts(live))
    return live


def status(live: Live) -> str:
    """Return the progress, speed, remaining time and warnings of a run as HTML."""
    training, done = live.training, live.step
    parts = [f"step {done:,} of {live.steps:,}"]
    if live.rate:
        parts.append(f"{live.rate:,.0f} images a second")
    if live.finished:
        parts.append("all steps are done")
    elif live.seconds_quiet > _QUIET:
        parts.append(f"no new row for {_duration(live.seconds_quiet)}: it may have ended")
    elif live.rate:
        parts.append(f"about {_duration((live.steps - done) * training.batch_size / live.rate)} to go")
    if losses := _held_out(training):
        parts.append(f"best held-out loss {min(losses)[0]:.4g} at step {min(losses)[1]:,}")
    share = min(1.0, done / live.steps) if live.steps else 0.0
    bar = f'<progress max="1" value="{share:.4f}" aria-label="steps done">{share:.0%}</progress>'
    items = "".join(f"<li><strong>{escape(kind)}</strong> {escape(text)}</li>" for _, kind, text in training.warnings)
    warned = f"<ul>{items}</ul>" if items else ""
    return f"<strong>{escape(training.name)}</strong> {bar} <span>{escape(' · '.join(parts))}</span>{warned}"


def _facts(live: Live) -> dict[str, str]:
    losses = [loss for loss, _ in _held_out(live.training)]
    return {
        "steps": f"{live.step:,} so far" if not live.finished else f"{live.step:,}",
        "images seen": f"{live.step * live.training.batch_size:,}",
        "of the full budget": "a run on this machine",
        "best held-out loss": f"{min(losses):.4g}" if losses else "–",
    }


def _clock(train: Columns, batch: int) -> list[tuple[float, float]]:
    """Return (step, seconds since the start) from the rates in a log."""
    clock = [(0.0, 0.0)]
    for step, rate in zip(train.get("step", []), train.get("images_per_second", []), strict=False):
        if step is not None and rate:
            before, seconds = clock[-1]
            clock.append((step, seconds + (step - before) * batch / rate))
    return clock if len(clock) > 1 else []


def _held_out(training: TrainingCurves) -> list[tuple[float, int]]:
    """Return (loss, step) of every evaluation."""
    steps, losses = training.points("loss", True, "steps")
    return [(loss, int(step)) for step, loss in zip(steps, losses, strict=True)]


def _newest(folder: Path) -> tuple[int, np.ndarray] | None:
    """Return the last complete grid and its step: the newest file may still be incomplete."""
    for path in sorted(folder.glob("step-*.png"), reverse=True)[:3]:
        number = path.stem.removeprefix("step-")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(path, formats=["PNG"]) as image:
                    if number.isdecimal() and max(image.size) <= _SIDE:
                        return int(number), np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
            continue
    return None


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:,.0f} minutes" if seconds < 5400 else f"{seconds / 3600:,.1f} hours"
