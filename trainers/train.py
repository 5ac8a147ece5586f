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
import torch.nn.functional as F
import tyro
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from tqdm import tqdm

from trainers import checkpoint
from trainers.data import Batches, load_images, open_splits
from trainers.finish import finish
from trainers.log import Log
from trainers.moments import forget_moved
from trainers.objective import held_out_loss, learning_rate, objective
from trainers.recipe import Recipe
from trainers.recipes import RECIPES, get_recipe
from trainers.resume import find_checkpoint
from trainers.samples import save_samples
from vqzoo.ops.pixels import from_bytes
from vqzoo.quantizers.base import NotFiniteError
from vqzoo.storage import write_json

_LOG_EVERY = 50


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
    optimizer = torch.optim.Adam(tokenizer.parameters())
    if saved:
        tokenizer.load_state_dict(saved["model"])
    model, optimizer = accelerator.prepare(tokenizer, optimizer)
    if saved:
        optimizer.load_state_dict(saved["optimizer"])
        if accelerator.scaler:
            accelerator.scaler.load_state_dict(saved["scaler"])
        torch.set_rng_state(saved["rng"])

    train_images, held_out = _split(recipe, options, accelerator.device)
    batches = Batches(
        train_images, recipe.batch_size, recipe.seed, accelerator.process_index, accelerator.num_processes
    )
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
    model.train()
    bar = {"initial": start, "total": recipe.steps, "desc": recipe.name, "disable": not first}
    progress = tqdm(range(start, recipe.steps), **bar)
    for step in progress:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step)

        # --- generator step ------------------------------------------------------------------------------------------
        images = from_bytes(batches.at(step)).contiguous(memory_format=torch.channels_last)
        with _naming(step + 1, run):
            out = model(images)
        terms = {"reconstruction": F.mse_loss(out.images.float(), images) / 4, **out.losses}
        loss = objective(terms, recipe.weights)
        accelerator.backward(loss)
        forget_moved(optimizer, tokenizer)
        optimizer.step()
        optimizer.zero_grad()
        # -------------------------------------------------------------------------------------------------------------

        done = step + 1
        evaluate = done % recipe.evaluate_every == 0 or done == recipe.steps
        if done % _LOG_EVERY == 0 or evaluate:
            values = _global_means(accelerator, {"loss": loss, **terms})
            progress.set_postfix(loss=f"{values['loss']:.4g}")
            _check_finite(values, done, run)
            record(done, {**values, "learning_rate": learning_rate(recipe, step)})

        if evaluate:
            seconds += time.perf_counter() - clock
            with _naming(done, run):
                loss_now = held_out_loss(tokenizer, held_out)
            _check_finite({"held_out": loss_now}, done, run)
            record(done, {"held_out": loss_now, "seconds": seconds})
            if first:
                weights = tokenizer.state_dict()
                if loss_now < best:
                    checkpoint.write(run / "best.pt", {"model": weights, "step": done, "loss": loss_now})
                best = min(best, loss_now)
                save_samples(tokenizer, held_out[:8], run / "samples" / f"step-{done:08d}.png")
                state = {"model": weights, "optimizer": optimizer.state_dict()}
                state |= {"scaler": accelerator.scaler.state_dict() if accelerator.scaler else None}
                state |= {"rng": torch.get_rng_state(), "step": done, "best": best, "seconds": seconds}
                checkpoint.write_step(run / "checkpoints", done, state)
            accelerator.wait_for_everyone()
            model.train()
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
    if not 0 < recipe.held_out < len(images):
        raise ValueError(f"held_out={recipe.held_out}: expected from 1 to {len(images) - 1}, the train split less one")
    # The last ones: published data sets come shuffled.
    held_out, kept = images[-recipe.held_out :], images[: -recipe.held_out]
    return kept.to(device), held_out.to(device)


def _global_means(accelerator: Accelerator, values: dict[str, Tensor]) -> dict[str, float]:
    means = accelerator.reduce(torch.stack([value.detach().float() for value in values.values()]), "mean")
    return dict(zip(values, means.tolist(), strict=True))


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
