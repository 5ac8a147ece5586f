"""Measure what Muon and Adam reach in the same time: one recipe, trained by each in turn in one process.

    python benchmarks/optimizers.py [RECIPE ...] [--minutes 6]

By default cifar10-none-128 and cifar10-vq-1024x128. Every optimizer gets as many seconds of training, and a cosine over
as many updates as fit into them by its pace in the first ones. PSNR is that of the 1,000 images held out of the train
split, which no test image is among. Muon is as in the recipe; Adam has the rate of 1e-3 or 3e-4 for all weights.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

from side_by_side import machine

from trainers.loop.objective import held_out_terms
from trainers.loop.options import Options
from trainers.loop.session import Session
from trainers.recipes import get_recipe
from trainers.recipes.recipe import Rates, Recipe
from trainers.step import train_step

RECIPES = ("cifar10-none-128", "cifar10-vq-1024x128")
PACE_STEPS, PACE_TURNS = 20, 3
TURN = 20.0
"""Seconds of training before it is another optimizer's turn."""
PARTS = 4
"""How often PSNR is measured: after each of so many equal parts of the time."""


def contenders(recipe: Recipe) -> dict[str, Recipe]:
    """Return the recipe with each optimizer, by a label."""
    adam = replace(recipe, optimizer="adam", rates=Rates())
    return {
        f"Muon, {recipe.learning_rate:g}, {recipe.batch_size} images": recipe,
        **{
            f"Adam, {rate:g}, {size} images": replace(adam, learning_rate=rate, batch_size=size)
            for rate, size in ((1e-3, 16), (3e-4, 16), (1e-3, 64))
        },
    }


class Run:
    """A training that goes on turn by turn, with a clock that runs in its turns alone."""

    def __init__(self, recipe: Recipe, folder: Path):
        self.recipe = recipe
        self.session = Session(recipe, Options(runs=folder / "runs", cards=folder / "cards", workers=0))
        self.batches = self.session.batches()
        self.steps, self.seconds = 0, 0.0

    def step(self) -> None:
        """Make one update."""
        start = time.perf_counter()
        train_step(self.session.parts, islice(self.batches, 1), self.steps)
        self.steps += 1
        self.seconds += time.perf_counter() - start

    def psnr(self) -> float:
        """Return the PSNR on the images held out."""
        parts = self.session.parts
        return held_out_terms(parts.tokenizer, parts.image_terms, self.session.held_out, self.steps - 1)["psnr"]


def paces(recipes: dict[str, Recipe]) -> dict[str, float]:
    """Return the seconds of an update of each recipe: the median over turns of trainings that are thrown away.

    The first turn is not counted, as codebooks start in it.
    """
    seconds: dict[str, list[float]] = {name: [] for name in recipes}
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: Run(recipe, Path(folder, name)) for name, recipe in recipes.items()}
        for turn in range(1 + PACE_TURNS):
            for name, run in runs.items():
                before = run.seconds
                for _ in range(PACE_STEPS):
                    run.step()
                if turn:
                    seconds[name].append((run.seconds - before) / PACE_STEPS)
        for run in runs.values():
            run.batches.close()
    return {name: statistics.median(each) for name, each in seconds.items()}


def measure(recipe: Recipe, minutes: float) -> None:
    """Train by each optimizer and print a row for each."""
    arms = contenders(recipe)
    seconds = paces(arms)
    with tempfile.TemporaryDirectory() as folder:
        runs = {}
        for number, (label, arm) in enumerate(arms.items()):
            steps = int(minutes * 60 / seconds[label])
            runs[label] = Run(replace(arm, steps=steps, evaluate_every=steps), Path(folder, str(number)))
        reached: dict[str, list[float]] = {label: [] for label in runs}
        while any(run.steps < run.recipe.steps for run in runs.values()):
            for label, run in runs.items():
                end = run.seconds + TURN
                while run.seconds < end and run.steps < run.recipe.steps:
                    run.step()
                    if run.steps * PARTS // run.recipe.steps > len(reached[label]):
                        reached[label].append(run.psnr())
        for label, run in runs.items():
            run.batches.close()
            cells = " | ".join(f"{psnr:.2f}" for psnr in reached[label])
            images = run.steps * run.recipe.batch_size
            print(f"| {recipe.name} | {label} | {images:,} | {run.seconds:.0f} | {cells} |", flush=True)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--minutes", type=float, default=6.0)
    options = parser.parse_args()
    shares = " | ".join(f"dB after {part}/{PARTS}" for part in range(1, PARTS + 1))
    print(f"## {machine()}\n\n| recipe | optimizer | images | seconds | {shares} |\n" + "|---" * (4 + PARTS) + "|")
    for name in options.recipes:
        measure(get_recipe(name), options.minutes)


if __name__ == "__main__":
    main()
