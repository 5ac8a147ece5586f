"""Train one recipe: accelerate launch trainers/train.py RECIPE [--steps 3000] [--batch-size 64] [--resume] ..."""

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import torch
import tyro
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from tqdm import tqdm

from trainers import checkpoint
from trainers.data import Batches, hold_out, load_images, open_splits
from trainers.finish import finish
from trainers.log import Log
from trainers.moments import forget_moved
from trainers.objective import ImageTerms, held_out_gap, held_out_terms, learning_rate, objective, selection_loss
from trainers.opponent import Opponent
from trainers.recipe import Recipe
from trainers.recipes import RECIPES, get_recipe
from trainers.resume import find_checkpoint, lend
from trainers.samples import save_samples
from vqzoo.ops.pixels import from_bytes
from vqzoo.quantizers.base import NotFiniteError
from vqzoo.storage import write_json
from vqzoo.tokenizer import Tokenizer
from vqzoo.training import WeightAverage

_LOG_EVERY = 50
_GAP_IMAGES = 8


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
    track: bool = False
    """Also log to trackio, locally (needs `pip install trackio`)."""


@dataclass(frozen=True)
class Run:
    """The command line after the recipe's name: its fields and the options, both without a prefix."""

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    options: Annotated[Options, tyro.conf.arg(name="")] = Options()


def train(recipe: Recipe, options: Options = Options()) -> None:
    """Build, train, keep the best by held-out loss, evaluate it on the test split, write its card folder.

    Raises ValueError for settings or data that do not fit, and FloatingPointError when a loss or a weight is no longer
    a number; the last good checkpoint stays on disk.
    """
    if options.track and find_spec("trackio") is None:
        raise ValueError("--track needs trackio (pip install trackio); metrics.jsonl is written without it, too")
    accelerator = Accelerator(mixed_precision=recipe.precision, log_with="trackio" if options.track else None)
    if accelerator.device.type == "cpu":
        if recipe.precision == "fp16":  # accelerate would say nothing and train in float32
            raise ValueError("precision='fp16' needs a GPU; on a CPU there are 'bf16' and 'no'")
        # accelerate's launcher leaves one thread, whatever the machine has.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores // accelerator.num_processes))
    first = accelerator.is_main_process
    run = options.runs / recipe.name
    saved = find_checkpoint(recipe, run, options.resume)
    start, best, seconds = (saved["step"], saved["best"], saved["seconds"]) if saved else (0, math.inf, 0.0)
    if first and options.resume and not saved:
        print(f"{run} has nothing to resume: starting afresh")

    set_seed(recipe.seed)
    tokenizer = recipe.build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(tokenizer.parameters(), betas=recipe.betas)
    if saved:
        tokenizer.load_state_dict(saved["model"])
    elif recipe.start_from:
        lend(recipe.start_from, tokenizer, options.cards)
    model, optimizer = accelerator.prepare(tokenizer, optimizer)
    image_terms = ImageTerms(recipe).to(accelerator.device)
    opponent = Opponent(recipe, accelerator) if recipe.adversarial else None
    average = WeightAverage(tokenizer, recipe.average) if recipe.average else None
    if saved:
        optimizer.load_state_dict(saved["optimizer"])
        for part, key in ((accelerator.scaler, "scaler"), (opponent, "opponent"), (average, "average")):
            if part:
                part.load_state_dict(saved[key])
        torch.set_rng_state(saved["rng"])

    train_images, held_out = _split(recipe, options, accelerator.device)
    rank, processes = accelerator.process_index, accelerator.num_processes
    batches = Batches(train_images, recipe.batch_size, recipe.seed, rank, processes, recipe.crop)
    if first:
        run.mkdir(parents=True, exist_ok=True)
        write_json(run / "recipe.json", recipe.to_dict())
    log = Log(run / "metrics.jsonl", start) if first else None
    if options.track:
        names = {"trackio": {"name": recipe.name, "resume": "allow" if saved else "never"}}
        accelerator.init_trackers("vqzoo", config=recipe.to_dict(), init_kwargs=names)

    def record(done: int, values: dict[str, float]) -> None:
        if log:
            log.write({"step": done, **values})
        accelerator.log(values, step=done)

    clock = time.perf_counter()
    means = Means(accelerator)
    _set_mode(tokenizer, recipe, start)
    bar = {"initial": start, "total": recipe.steps, "desc": recipe.name, "disable": not first}
    progress = tqdm(range(start, recipe.steps), **bar)
    for step in progress:
        rate = learning_rate(recipe, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        if step == recipe.second_phase:
            _set_mode(tokenizer, recipe, step)

        # --- generator step ------------------------------------------------------------------------------------------
        images = from_bytes(batches.at(step)).contiguous(memory_format=torch.channels_last)
        with _naming(step + 1, run):
            out = model(images)
        terms = image_terms(out.images, images, step)
        weights: dict[str, float | Tensor] = dict(recipe.weights)
        if opponent and opponent.plays(step):
            main, adversarial = objective(terms, weights), opponent.term(out.images)
            weights["adversarial"] = opponent.weight_beside(main, adversarial, tokenizer.autoencoder.last_layer)
            terms["adversarial"] = adversarial
        terms |= out.losses
        loss = objective(terms, weights)
        accelerator.backward(loss)
        _freeze(tokenizer, recipe, step)
        forget_moved(optimizer, tokenizer)
        optimizer.step()
        optimizer.zero_grad()
        if average:
            average.update(tokenizer)
        # --- discriminator step --------------------------------------------------------------------------------------
        if opponent and opponent.plays(step):
            terms |= opponent.step(images, out.images.detach(), rate)
            terms["adversarial_weight"] = torch.as_tensor(weights["adversarial"], device=loss.device)
        # -------------------------------------------------------------------------------------------------------------

        done = step + 1
        means.add({"loss": loss, **terms})
        evaluate = done % recipe.evaluate_every == 0 or done == recipe.steps
        if done % _LOG_EVERY == 0 or evaluate:
            values = means.take()
            progress.set_postfix(loss=f"{values['loss']:.4g}")
            _check_finite(values, done, run)
            record(done, {**values, "learning_rate": rate})

        if evaluate:
            seconds += time.perf_counter() - clock
            judged = average.module if average else tokenizer
            assert isinstance(judged, Tokenizer)
            with _naming(done, run):
                held_out_now = held_out_terms(judged, image_terms, held_out, step)
            loss_now = selection_loss(held_out_now, recipe.weights)
            _check_finite({"held_out": loss_now}, done, run)
            named = {f"held_out/{name}": value for name, value in held_out_now.items()}
            if (gap := held_out_gap(judged, held_out[:_GAP_IMAGES])) is not None:
                named["gradient_gap"] = gap
            record(done, {"held_out": loss_now, **named, "seconds": seconds})
            if first:
                if loss_now < best:
                    checkpoint.write(run / "best.pt", {"model": judged.state_dict(), "step": done, "loss": loss_now})
                best = min(best, loss_now)
                save_samples(judged, held_out[:8], run / "samples" / f"step-{done:08d}.png")
                parts = {"model": tokenizer, "optimizer": optimizer, "scaler": accelerator.scaler}
                parts |= {"opponent": opponent, "average": average}
                state = {name: part.state_dict() if part else None for name, part in parts.items()}
                state |= {"rng": torch.get_rng_state(), "step": done, "best": best, "seconds": seconds}
                checkpoint.write_step(run / "checkpoints", done, state)
            accelerator.wait_for_everyone()
            _set_mode(tokenizer, recipe, done)
            clock = time.perf_counter()

    accelerator.end_training()
    if first:
        test = load_images(recipe.dataset, "test", recipe.resolution, recipe.channels, options.data)
        device = torch.cuda.get_device_name() if accelerator.device.type == "cuda" else "CPU"
        facts = {"seconds": round(seconds, 3), "device": device, "processes": accelerator.num_processes}
        folder = finish(recipe, run, options.cards, test.to(accelerator.device), facts)
        print(f"finished: {folder}")


def _split(recipe: Recipe, options: Options, device: torch.device) -> tuple[Tensor, Tensor]:
    """The train split as (images to train on, images held out to choose the best checkpoint by), on the device."""
    open_splits(recipe.dataset, ["train", "test"], options.data)  # a missing test split must not show at the end only
    images = load_images(recipe.dataset, "train", recipe.resolution, recipe.channels, options.data)
    kept, held_out = hold_out(images, recipe.held_out)
    if recipe.train_images > len(kept):
        raise ValueError(f"train_images={recipe.train_images}: there are {len(kept)} that are not held out")
    return kept[: recipe.train_images or None].to(device), held_out.to(device)


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


class Means:
    """Means of named values over all processes and over the steps since they were last taken."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach().float()
            self.counts[name] = self.counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        values = torch.stack([total / self.counts[name] for name, total in self.sums.items()])
        means = self.accelerator.reduce(values, "mean").tolist()
        named = dict(zip(self.sums, means, strict=True))
        self.sums, self.counts = {}, {}
        return named


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
    except (ValueError, FloatingPointError, OSError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
