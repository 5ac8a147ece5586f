"""The state of a training run, and what happens between its steps: logging, evaluation and saving."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, set_seed
from torch import Tensor

from trainers.data.feed import Feed
from trainers.data.open import open_feed
from trainers.loop import checkpoint, ranks, tracking
from trainers.loop.log import Log
from trainers.loop.memory import check_memory
from trainers.loop.meter import Meter
from trainers.loop.objective import held_out_gap, held_out_terms, selection_loss
from trainers.loop.options import Options, RunOptions
from trainers.loop.progress import Progress
from trainers.loop.resume import find_checkpoint
from trainers.loop.samples import save_samples
from trainers.loop.signals import SignalHandler
from trainers.loop.start import start
from trainers.loop.state import State
from trainers.loop.watch import Watch
from trainers.priors.recipe import PriorRecipe
from trainers.recipes.recipe import Recipe
from trainers.step import Parts, StepResult, build_parts
from vqzoo.files.storage import write_json
from vqzoo.quantizers.base import NotFiniteError
from vqzoo.tokenizer import Tokenizer

_GAP_IMAGES = 8
_DISTRIBUTED = {DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU}


class Session:
    """A training run: its parts, data, log and checkpoints.

    parts: the arguments of `train_step`. feed: training images. held_out: images that choose the best checkpoint,
    (n, c, h, w) uint8. start: updates done before this session. folder: the run folder.
    """

    def __init__(
        self,
        recipe: Recipe,
        options: Options,
        open_data: Callable[..., tuple[Feed, Tensor]] = open_feed,
        deadline: float | None = None,
    ):
        """Build the run or, with `options.resume`, load its newest checkpoint.

        `open_data` takes the arguments of `open_feed`. `deadline` is the time by time.monotonic at which to end. Raises
        ValueError for settings or data that do not fit.
        """
        self.recipe, self.options, self.folder = recipe, options, options.runs / recipe.name
        self.accelerator = build_accelerator(recipe, options)
        self.is_main = self.accelerator.is_main_process
        check_memory(recipe, self.accelerator.num_processes)
        saved = find_checkpoint(recipe, self.folder, options.resume)
        if self.is_main and options.resume and not saved:
            print(f"{self.folder} has nothing to resume: starting afresh")
        self.start: int = saved["step"] if saved else 0
        self.best: float = saved["best"] if saved else math.inf

        set_seed(recipe.seed)
        tokenizer = recipe.build().to(memory_format=torch.channels_last)
        self.feed, self.held_out = open_data(recipe, *feed_arguments(options, self.accelerator))
        if not saved:
            loaded = start(recipe, tokenizer, self.feed, options.cards)
            if loaded and self.is_main:
                print(loaded)
        self.parts: Parts = build_parts(recipe, tokenizer, self.accelerator)
        self.meter = Meter(self.accelerator, tokenizer)
        self.state = State(
            model=tokenizer,
            optimizer=self.parts.optimizer,
            scaler=self.accelerator.scaler,
            discriminator=self.parts.discriminator,
            average=self.parts.average,
            meter=self.meter,
        )
        self._feed_state = self.state.load(saved, self.accelerator.process_index) if saved else None

        if self.is_main:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self.folder / "recipe.json", recipe.to_dict())
        self.log = Log(self.folder / "metrics.jsonl", self.start, self.is_main)
        self.watch = Watch(self.log.rows)
        self.signals = SignalHandler(self.accelerator, options.save_minutes, deadline)
        self.progress = Progress(recipe.name, self.start, recipe.steps, self.is_main)
        tracking.start(self.accelerator, recipe.name, recipe.to_dict(), resume=bool(saved))

    def batches(self) -> Any:
        """Return a generator of this process's batches from the next one on, which the caller must close."""
        return self.feed.batches(self.start * self.recipe.accumulate, self._feed_state)

    def log_step(self, result: StepResult, done: int) -> None:
        """Add one step to the next row of the log, and write the row every `log_every` steps."""
        self.meter.add(result.terms)
        for tokens in result.tokens:
            self.meter.count(tokens, len(tokens.grids[0]) * self.accelerator.num_processes)
        values = None
        if done % self.options.log_every == 0 or self.evaluates(done):
            values = self.meter.take()
            self._check_finite(values, done)
            self._write({"step": done, **values, "learning_rate": self.parts.optimizer.param_groups[0]["lr"]})
        self.progress.advance(values)

    def evaluates(self, done: int) -> bool:
        """Return whether the run is evaluated after `done` steps."""
        return done % self.recipe.evaluate_every == 0 or done == self.recipe.steps

    def evaluate(self, done: int) -> None:
        """Evaluate the tokenizer, or its averaged weights, on the held-out images; save it if it is the best so far."""
        evaluated = self.parts.average.module if self.parts.average else self.parts.tokenizer
        assert isinstance(evaluated, Tokenizer)
        with self.meter.paused():
            with self.explain_not_finite(done):
                terms = held_out_terms(evaluated, self.parts.image_terms, self.held_out, done - 1)
            psnr = terms.pop("psnr")
            loss = selection_loss(terms, self.recipe.weights)
            self._check_finite({"held_out": loss}, done)
            row = {"held_out": loss, **{f"held_out/{name}": value for name, value in terms.items()}}
            if (gap := held_out_gap(evaluated, self.held_out[:_GAP_IMAGES])) is not None:
                row["gradient_gap"] = gap
            self._write({"step": done, **row, "seconds": self.meter.seconds})
            if self.is_main:
                if loss < self.best:
                    best = {"model": evaluated.state_dict(), "step": done, "loss": loss}
                    checkpoint.write(self.folder / "best.pt", best)
                samples = self.folder / "samples" / f"step-{done:08d}.png"
                save_samples(evaluated, self.held_out[:8], samples)
                tracking.log_samples(self.accelerator, samples, done)
                tracking.log_use(self.accelerator, self.meter.books, done)
            self.progress.print(f"step {done:,}: PSNR {psnr:.2f} dB on {len(self.held_out):,} images held out")
            self.best = min(self.best, loss)

    def save(self, done: int) -> None:
        """Write a checkpoint, from which the run resumes bit for bit; every process must call this."""
        with self.meter.paused():
            state = self.state.save(self.feed.state(), step=done, best=self.best)
            if self.is_main:
                checkpoint.write_step(self.folder / "checkpoints", done, state)
            self.accelerator.wait_for_everyone()
            self.signals.saved()

    def facts(self) -> dict[str, Any]:
        """Return facts for the model card: seconds of training, device, number of processes."""
        device = torch.cuda.get_device_name() if self.accelerator.device.type == "cuda" else "CPU"
        return {"seconds": round(self.meter.seconds, 3), "device": device, "processes": self.accelerator.num_processes}

    def _write(self, row: dict[str, Any]) -> None:
        """Write a row to the log and the tracker, and the warnings that follow from it."""
        self.log.write(row)
        self.accelerator.log({name: value for name, value in row.items() if name != "step"}, step=row["step"])
        for finding in self.watch.check(row):
            self.log.write(finding.row)
            self.progress.print(f"warning: {finding.kind}, {finding.text}")
            if finding.kind in self.options.stop_on:
                self.signals.warning = finding.text

    @contextmanager
    def explain_not_finite(self, step: int) -> Iterator[None]:
        """Add to a NotFiniteError at which step it was raised, and where the last good checkpoint is."""
        try:
            yield
        except NotFiniteError as error:
            note = f"the last good checkpoint is kept in {self.folder / 'checkpoints'}"
            raise FloatingPointError(f"no longer a number at step {step}: {error}; {note}") from None

    def _check_finite(self, values: dict[str, float], step: int) -> None:
        if not all(map(math.isfinite, values.values())):
            raise FloatingPointError(
                f"no longer a number at step {step}: {values}; the last good checkpoint is kept in "
                f"{self.folder / 'checkpoints'}; a smaller --learning-rate usually helps"
            )


def feed_arguments(options: Options, accelerator: Accelerator) -> tuple[Any, ...]:
    """Return the arguments of `open_feed` after the recipe."""
    return (
        *(options.source, options.loading, options.workers, options.bad_images),
        *(accelerator.process_index, accelerator.num_processes, accelerator.device),
    )


def build_accelerator(recipe: Recipe | PriorRecipe, options: RunOptions) -> Accelerator:
    """Return an Accelerator for data parallel training; on a CPU also set threads, and flush denormal numbers.

    Raises ValueError for settings that accelerate would silently ignore: sharded models, fp16 on a CPU, no trackio.
    """
    if options.track and find_spec("trackio") is None:
        raise ValueError("--track needs trackio (pip install trackio); metrics.jsonl is written without it, too")
    if not 0 < options.rank_timeout < math.inf:
        raise ValueError(f"rank_timeout={options.rank_timeout}: expected minutes above 0")
    accelerator = Accelerator(
        mixed_precision=recipe.precision,
        log_with="trackio" if options.track else None,
        kwargs_handlers=[ranks.process_group_timeout(options.rank_timeout)],
    )
    ranks.open_groups(options.rank_timeout)
    if accelerator.distributed_type not in _DISTRIBUTED:
        raise ValueError(
            f"accelerate is set to {accelerator.distributed_type.value}, which splits a model; a tokenizer fits into "
            "one device: choose data parallel training (accelerate launch --multi_gpu)"
        )
    if accelerator.device.type == "cpu":
        if recipe.precision == "fp16":  # accelerate would silently train in float32
            raise ValueError("precision='fp16' needs a GPU; on a CPU there are 'bf16' and 'no'")
        # accelerate's launcher sets one thread on any machine.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        # The momentum of weights without gradients decays into denormal numbers, with which processors compute many
        # times more slowly than with zeros. Before threads are made, as they inherit this setting.
        torch.set_flush_denormal(True)
        torch.set_num_threads(max(1, cores // accelerator.num_processes))
    return accelerator
