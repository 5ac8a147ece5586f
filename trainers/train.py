"""Train one recipe: accelerate launch trainers/train.py RECIPE [--steps 3000] [--batch-size 64] [--resume] ..."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from accelerate import Accelerator
from accelerate.utils import DistributedType, set_seed
from torch import Tensor

from trainers import checkpoint, tracking
from trainers.calls import Calls, Stopped
from trainers.data import BAD_SHARE, Feed, Loading, load_images, naming_dead_workers, open_feed
from trainers.finish import finish
from trainers.lock import alone_in
from trainers.log import Log
from trainers.meter import Meter
from trainers.moments import forget_moved
from trainers.objective import ImageTerms, held_out_gap, held_out_terms, learning_rate, objective, selection_loss
from trainers.opponent import Opponent, in_step
from trainers.progress import Progress
from trainers.recipe import Recipe
from trainers.recipes import RECIPES, get_recipe
from trainers.resume import find_checkpoint, lend
from trainers.samples import save_samples
from trainers.state import State
from trainers.watch import Kind, Watch
from vqzoo.ops.pixels import from_bytes
from vqzoo.quantizers.base import NotFiniteError
from vqzoo.storage import write_json
from vqzoo.tokenizer import Tokenizer
from vqzoo.training import WeightAverage

_LOG_EVERY = 50
_GAP_IMAGES = 8
_DISTRIBUTED = {DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU}


@dataclass(frozen=True)
class Around:
    """What stands in for the trainer's own before and after the loop, where it is not None: `open_feed`, `load_images`,
    and `finish`, which gets recipe, its folder, the folder of cards, the test split (n, c, h, w) uint8 and facts."""

    open_feed: Callable[..., tuple[Feed, Tensor]] | None = None
    load_test: Callable[..., Tensor] | None = None
    finish: Callable[[Recipe, Path, Path, Tensor, dict[str, Any]], Path] | None = None


@dataclass(frozen=True)
class Options:
    """Where a run reads and writes; what it does is the recipe's matter."""

    data: str | None = None
    """Local folder of the data set; without it $VQZOO_DATA/<dataset> where that exists, else the Hub."""
    runs: Path = Path("runs")
    """Folder of run folders: checkpoints, metrics.jsonl, sample grids."""
    cards: Path = Path("model_cards")
    """Folder that gets the finished <name>/: card, config, weights, metrics, usage."""
    resume: bool = False
    """Go on from the newest checkpoint of this run; without it, a run folder with checkpoints is left alone."""
    save_minutes: float = 10.0
    """Minutes between checkpoints; every evaluation saves one, too."""
    loading: Loading = "auto"
    """Where images wait: decoded in memory; on the disk, decoded when wanted; or far away, read as they come. auto: in
    memory where they take at most 4 GiB, else mapped."""
    workers: int = 2
    """Processes that decode images, where they are not in memory; 0: this one."""
    bad_images: float = BAD_SHARE
    """Share of a split that may be unreadable; such images are named and left out."""
    stop_on: tuple[Kind, ...] = ()
    """Warnings that end the run: exploding, collapse, over-fitting. It can be resumed."""
    track: bool = False
    """Also log to trackio, locally (needs `pip install trackio`)."""


@dataclass(frozen=True)
class Run:
    """The command line after the recipe's name: its fields and the options, both without a prefix."""

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    options: Annotated[Options, tyro.conf.arg(name="")] = Options()


def train(recipe: Recipe, options: Options = Options(), around: Around = Around()) -> None:
    """Build, train, keep the best by held-out loss, evaluate it on the test split, write its card folder.

    Raises ValueError for settings or data that do not fit, FloatingPointError when a loss or a weight is no longer a
    number (the last good checkpoint stays on disk), OSError when something cannot be read or written (so it does), and
    Stopped where the run was asked to end, by a signal or by a warning of `stop_on`, after saving where it was.
    """
    run = options.runs / recipe.name
    with alone_in(run):
        _train(recipe, options, run, around)


def _train(recipe: Recipe, options: Options, run: Path, around: Around) -> None:
    accelerator = _accelerator(recipe, options)
    first, processes = accelerator.is_main_process, accelerator.num_processes
    saved = find_checkpoint(recipe, run, options.resume)
    start, best = (saved["step"], saved["best"]) if saved else (0, math.inf)
    if first and options.resume and not saved:
        print(f"{run} has nothing to resume: starting afresh")

    set_seed(recipe.seed)
    tokenizer = recipe.build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(tokenizer.parameters(), betas=recipe.betas)
    if recipe.start_from and not saved:
        lend(recipe.start_from, tokenizer, options.cards)
    model, optimizer = accelerator.prepare(tokenizer, optimizer)
    image_terms = ImageTerms(recipe).to(accelerator.device)
    opponent = Opponent(recipe, accelerator) if recipe.adversarial else None
    average = WeightAverage(tokenizer, recipe.average) if recipe.average else None
    meter = Meter(accelerator, tokenizer)
    state = State(
        model=tokenizer, optimizer=optimizer, scaler=accelerator.scaler, opponent=opponent, average=average, meter=meter
    )
    feed, held_out = (around.open_feed or open_feed)(
        recipe,
        options.data,
        options.loading,
        options.workers,
        options.bad_images,
        accelerator.process_index,
        processes,
        accelerator.device,
    )
    place = state.load(saved, accelerator.process_index) if saved else None

    if first:
        run.mkdir(parents=True, exist_ok=True)
        write_json(run / "recipe.json", recipe.to_dict())
    log = Log(run / "metrics.jsonl", start, first)
    watch = Watch(log.rows)
    tracking.start(accelerator, recipe.name, recipe.to_dict(), resume=bool(saved))

    calls = Calls(accelerator, options.save_minutes)
    progress = Progress(recipe.name, start, recipe.steps, first)

    def record(done: int, values: dict[str, float]) -> None:
        row = {"step": done, **values}
        log.write(row)
        accelerator.log(values, step=done)
        for finding in watch.look(row):
            log.write(finding.row)
            progress.say(f"warning: {finding.kind}, {finding.text}")
            if finding.kind in options.stop_on:
                calls.warning = finding.text

    def save(done: int) -> None:
        checkpoint_state = state.save(feed.state(), step=done, best=best)
        if first:
            checkpoint.write_step(run / "checkpoints", done, checkpoint_state)
        accelerator.wait_for_everyone()
        calls.saved()

    _set_mode(tokenizer, recipe, start)
    batches = feed.batches(start * recipe.accumulate, place)
    with naming_dead_workers(), calls, progress, closing(batches):
        for step in range(start, recipe.steps):
            rate = learning_rate(recipe, step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            if step == recipe.second_phase:
                _set_mode(tokenizer, recipe, step)

            # --- generator step --------------------------------------------------------------------------------------
            pairs = []
            for part in range(1, recipe.accumulate + 1):
                images = from_bytes(next(batches).to(accelerator.device)).contiguous(memory_format=torch.channels_last)
                with in_step(accelerator, model, part == recipe.accumulate):
                    with _naming(step + 1, run):
                        out = model(images)
                    terms = image_terms(out.images, images, step)
                    weights: dict[str, float | Tensor] = dict(recipe.weights)
                    if opponent and opponent.plays(step):
                        main, adversarial = objective(terms, weights), opponent.term(out.images)
                        weight = opponent.weight_beside(main, adversarial, tokenizer.autoencoder.last_layer)
                        terms["adversarial"], weights["adversarial"] = adversarial, weight
                        meter.add({"adversarial_weight": torch.as_tensor(weight, device=accelerator.device)})
                        pairs.append((images, out.images.detach()))
                    terms |= out.losses
                    loss = objective(terms, weights)
                    accelerator.backward(loss / recipe.accumulate)
                forget_moved(optimizer, tokenizer)
                meter.add({"loss": loss, **terms})
                meter.count(out.tokens, len(images) * processes)
            _freeze(tokenizer, recipe, step)
            optimizer.step()
            optimizer.zero_grad()
            if average:
                average.update(tokenizer)
            # --- discriminator step ----------------------------------------------------------------------------------
            if opponent and pairs:
                for verdict in opponent.step(pairs, rate):
                    meter.add(verdict)
            # ---------------------------------------------------------------------------------------------------------

            done = step + 1
            evaluate = done % recipe.evaluate_every == 0 or done == recipe.steps
            values = None
            if done % _LOG_EVERY == 0 or evaluate:
                values = meter.take()
                _check_finite(values, done, run)
                record(done, {**values, "learning_rate": rate})
            progress.advance(values)

            if evaluate:
                with meter.paused():
                    judged = average.module if average else tokenizer
                    assert isinstance(judged, Tokenizer)
                    with _naming(done, run):
                        held_out_now = held_out_terms(judged, image_terms, held_out, step)
                    loss_now = selection_loss(held_out_now, recipe.weights)
                    _check_finite({"held_out": loss_now}, done, run)
                    named = {f"held_out/{name}": value for name, value in held_out_now.items()}
                    if (gap := held_out_gap(judged, held_out[:_GAP_IMAGES])) is not None:
                        named["gradient_gap"] = gap
                    record(done, {"held_out": loss_now, **named, "seconds": meter.seconds})
                    if first:
                        if loss_now < best:
                            model_state = {"model": judged.state_dict(), "step": done, "loss": loss_now}
                            checkpoint.write(run / "best.pt", model_state)
                        samples = run / "samples" / f"step-{done:08d}.png"
                        save_samples(judged, held_out[:8], samples)
                        tracking.log_samples(accelerator, samples, done)
                        tracking.log_use(accelerator, meter.books, done)
                    best = min(best, loss_now)
                    _set_mode(tokenizer, recipe, done)

            due, stop = calls.answer(done)
            if evaluate or due:
                with meter.paused():
                    save(done)
            if stop and done < recipe.steps:
                raise stop

    accelerator.end_training()
    if first:
        size, streams = (recipe.resolution, recipe.channels), options.loading == "stream"
        load = around.load_test or load_images
        test = load(recipe.dataset, "test", *size, options.data, options.bad_images, streams)
        device = torch.cuda.get_device_name() if accelerator.device.type == "cuda" else "CPU"
        facts = {"seconds": round(meter.seconds, 3), "device": device, "processes": processes}
        end = around.finish or finish
        folder = end(recipe, run, options.cards, test.to(accelerator.device), facts)
        print(f"finished: {folder}")


def _accelerator(recipe: Recipe, options: Options) -> Accelerator:
    """accelerate, with what it would let pass in silence refused, and with all of a CPU's cores."""
    if options.track and find_spec("trackio") is None:
        raise ValueError("--track needs trackio (pip install trackio); metrics.jsonl is written without it, too")
    accelerator = Accelerator(mixed_precision=recipe.precision, log_with="trackio" if options.track else None)
    if accelerator.distributed_type not in _DISTRIBUTED:
        raise ValueError(
            f"accelerate is set to {accelerator.distributed_type.value}, which splits a model; a tokenizer fits into "
            "one device: choose data parallel training (accelerate launch --multi_gpu)"
        )
    if accelerator.device.type == "cpu":
        if recipe.precision == "fp16":  # accelerate would say nothing and train in float32
            raise ValueError("precision='fp16' needs a GPU; on a CPU there are 'bf16' and 'no'")
        # accelerate's launcher leaves one thread, whatever the machine has.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores // accelerator.num_processes))
    return accelerator


def _set_mode(tokenizer: Tokenizer, recipe: Recipe, step: int) -> None:
    """Training mode, but for what the second phase has frozen: no codebook goes on moving by its statistics."""
    tokenizer.train()
    if recipe.in_second_phase(step):
        tokenizer.quantizer.eval()


def _freeze(tokenizer: Tokenizer, recipe: Recipe, step: int) -> None:
    """In the second phase, drop the gradients of all but the decoder; Adam leaves what has none as it is."""
    if recipe.in_second_phase(step):
        for name, parameter in tokenizer.named_parameters():
            if not name.startswith("autoencoder.decoder."):
                parameter.grad = None


@contextmanager
def _naming(step: int, run: Path) -> Iterator[None]:
    """Weights that are no longer numbers show in the next latents; this adds when, and what is left."""
    try:
        yield
    except NotFiniteError as error:
        kept = f"the last good checkpoint is kept in {run / 'checkpoints'}"
        raise FloatingPointError(f"no longer a number at step {step}: {error}; {kept}") from None


def _check_finite(values: dict[str, float], step: int, run: Path) -> None:
    if not all(map(math.isfinite, values.values())):
        raise FloatingPointError(
            f"no longer a number at step {step}: {values}; the last good checkpoint is kept in {run / 'checkpoints'}; "
            "a smaller --learning-rate usually helps"
        )


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{__doc__}\n\nrecipes, most wanted first:\n  " + "\n  ".join(RECIPES))
        print("\nRECIPE --help lists what can be overridden")
        return 0
    try:
        recipe = get_recipe(arguments[0])
        run = tyro.cli(Run, default=Run(recipe), args=arguments[1:], prog=f"train.py {recipe.name}")
        train(run.recipe, run.options)
    except Stopped as stopped:
        print(f"stopped: {stopped}; go on with --resume", file=sys.stderr)
        return stopped.code
    except (ValueError, FloatingPointError, OSError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
