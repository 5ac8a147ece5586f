"""A prior's training run: its parts, log and checkpoints, and the loop."""

import json
import math
import time
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed

from trainers.loop import checkpoint, tracking
from trainers.loop.log import Log
from trainers.loop.progress import Progress
from trainers.loop.session import build_accelerator
from trainers.loop.signals import SignalHandler
from trainers.loop.state import State
from trainers.priors.data import PriorData, batch
from trainers.priors.options import PriorOptions
from trainers.priors.recipe import PriorRecipe
from trainers.priors.step import build_prior_parts, held_out, prior_step, shown
from vqzoo.files.storage import read_json, write_json
from vqzoo.generation.prior import Prior
from vqzoo.generation.table import build_prior
from vqzoo.tokens.sequences import Sequences

_PREPARED = 1024
"""Images that set what a prior does not learn."""
_MAY_CHANGE = {"steps", "evaluate_every", "learning_rate", "warmup"}


class PriorSession:
    """A run of a prior; `start` is the number of updates done before, `best` the least of its measure held out."""

    def __init__(self, recipe: PriorRecipe, options: PriorOptions, sequences: Sequences, data: PriorData):
        """Build the run or, with `options.resume`, load its newest checkpoint."""
        self.recipe, self.options, self.data = recipe, options, data
        self.folder = options.runs / recipe.name
        accelerator = build_accelerator(recipe, options)
        self.is_main = accelerator.is_main_process
        saved = _find_checkpoint(recipe, self.folder, options.resume)
        self.start: int = saved["step"] if saved else 0
        self.best: float = saved["best"] if saved else math.inf
        self._before: float = saved["seconds"] if saved else 0.0
        self._began = time.perf_counter()
        set_seed(recipe.seed)
        settings = dict(recipe.prior)
        prior = build_prior(str(settings.pop("name")), sequences, **settings)
        self.parts = build_prior_parts(recipe, prior, accelerator)
        self.state = State(model=prior, optimizer=self.parts.optimizer)
        if saved:
            self.state.load(saved, accelerator.process_index)
        else:
            first = data.train[:_PREPARED]
            prior.prepare(first.sequences.long(), first.images)
            if self.is_main:
                self.folder.mkdir(parents=True, exist_ok=True)
        if self.is_main:
            write_json(self.folder / "recipe.json", recipe.to_dict())
        self.log = Log(self.folder / "metrics.jsonl", self.start, self.is_main)
        self.signals = SignalHandler(accelerator, options.save_minutes)
        tracking.start(accelerator, recipe.name, recipe.to_dict(), resume=bool(saved))
        self.progress = Progress(recipe.name, self.start, recipe.steps, self.is_main)

    @property
    def prior(self) -> Prior:
        """The prior as it is now."""
        return self.parts.prior

    @property
    def seconds(self) -> float:
        """Time that the run has taken, evaluations and earlier sessions of it included."""
        return self._before + time.perf_counter() - self._began

    def fit(self) -> None:
        """Train to the recipe's last step; log, evaluate and save on the way.

        Raises Stopped, after saving, when a signal ended the run, and FloatingPointError for a loss that is no number.
        """
        recipe, accelerator, sequences = self.recipe, self.parts.accelerator, self.prior.sequences
        self._began = time.perf_counter()
        with self.signals, self.progress:
            for step in range(self.start, recipe.steps):
                rows = batch(recipe, self.data, sequences, step, accelerator.process_index, accelerator.num_processes)
                values = prior_step(self.parts, rows, step)
                done = step + 1
                evaluates = done % recipe.evaluate_every == 0 or done == recipe.steps
                self._log(values, done, evaluates)
                if evaluates:
                    self._evaluate(done)
                due, stop = self.signals.poll(done)
                if evaluates or due:
                    self._save(done)
                if stop and done < recipe.steps:
                    raise stop

    def load_best(self) -> int:
        """Load the checkpoint that has the least of the prior's measure into the prior; return its step."""
        saved = checkpoint.read(self.folder / "best.pt")
        self.prior.load_state_dict(saved["model"])
        self.prior.eval()
        step: int = saved["step"]
        return step

    def _log(self, values: dict[str, Any], done: int, evaluates: bool) -> None:
        row = None
        if done % self.options.log_every == 0 or evaluates:
            row = {"step": done, "loss": float(self.parts.accelerator.reduce(values["loss"], "mean"))}
            if not math.isfinite(row["loss"]):
                raise FloatingPointError(
                    f"no longer a number at step {done}; the last good checkpoint is kept in "
                    f"{self.folder / 'checkpoints'}; a smaller --learning-rate usually helps"
                )
            self._write({**row, "learning_rate": self.parts.optimizer.param_groups[0]["lr"]})
        self.progress.advance(row)

    def _write(self, row: dict[str, Any]) -> None:
        self.log.write(row)
        self.parts.accelerator.log({name: value for name, value in row.items() if name != "step"}, step=row["step"])

    def _evaluate(self, done: int) -> None:
        value = held_out(self.prior, self.data.held_out).mean().item()
        self._write({"step": done, "held_out": value})
        if self.is_main and value < self.best:
            best = {"model": self.prior.state_dict(), "step": done, "held_out": value}
            checkpoint.write(self.folder / "best.pt", best)
        self.best = min(self.best, value)
        self.progress.print(f"step {done:,}: {shown(self.prior, value)} on {len(self.data.held_out):,} held out")

    def _save(self, done: int) -> None:
        state = self.state.save(None, step=done, best=self.best, seconds=self.seconds)
        if self.is_main:
            checkpoint.write_step(self.folder / "checkpoints", done, state)
        self.parts.accelerator.wait_for_everyone()
        self.signals.saved()


def _find_checkpoint(recipe: PriorRecipe, run: Path, resume: bool) -> dict[str, Any] | None:
    saved = checkpoint.read_latest(run / "checkpoints")
    if saved is None:
        return None
    if not resume:
        raise ValueError(f"{run} holds a run at step {saved['step']}: go on with --resume, or give another --runs")
    before, now = read_json(run / "recipe.json"), json.loads(json.dumps(recipe.to_dict()))
    for key, value in now.items():
        if key not in _MAY_CHANGE and before.get(key) != value:
            raise ValueError(f"--resume: {key} is {value!r} now and was {before.get(key)!r} when {run} was started")
    if saved["step"] > recipe.steps:
        raise ValueError(f"steps={recipe.steps}: the checkpoint to go on from is already at step {saved['step']}")
    return saved
