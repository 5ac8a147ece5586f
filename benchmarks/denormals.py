"""Measure a late training step of cifar10-none-128 beside what it was: denormal numbers, timm's Newton-Schulz steps.

    python benchmarks/denormals.py STATE.pt [--updates 4000]

Trains that many updates as the trainer did before it flushed denormal numbers to zero, and saves weights and optimizer
in STATE.pt, unless it is there. From this state, steps of now and of before are timed in turns, on images of CIFAR-10,
for which it needs the extra `train`.
"""

import argparse
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path

import torch
from side_by_side import compare, machine
from torch import Tensor
from training import timms_steps

from trainers.data.rows import ImageRows
from trainers.data.source import Source
from trainers.recipes import get_recipe
from trainers.step import build_parts, train_step

RECIPE = "cifar10-none-128"
IMAGES = 8192


def main() -> None:
    """Train if there is no state, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("--updates", type=int, default=4000)
    settings = parser.parse_args()
    rows = ImageRows("cifar10", Source(splits="train"), 32, 3, per_shard=IMAGES)
    pixels = torch.stack([torch.from_numpy(picture.views[0]) for picture in rows.read(rows.units[0])])
    if not settings.state.exists():
        run = Run(pixels, get_recipe(RECIPE).batch_size, as_before=True)
        for _ in range(settings.updates):
            run.step()
        torch.save({"model": run.parts.tokenizer.state_dict(), "opt": run.parts.optimizer.state_dict()}, settings.state)
    state = torch.load(settings.state)
    momenta = [each["momentum_buffer"] for each in state["opt"]["state"].values() if "momentum_buffer" in each]
    tiny = torch.finfo(torch.float32).tiny
    denormal = sum(((each != 0) & (each.abs() < tiny)).sum().item() for each in momenta)
    print(f"## {machine()}: {denormal:,} of {sum(map(torch.numel, momenta)):,} momenta are denormal\n")
    print("| threads | images | now | before | ratio (quartiles) | images/s |\n|" + "---|" * 6)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for batch in (16, 64):
            now, before = (Run(pixels, batch, as_before, settings.updates) for as_before in (False, True))
            for run in (now, before):
                run.load(state)
            result = compare(now.step, before.step, rounds=15)
            print(f"| {threads} | {batch} | {result.row()} | {1000 * batch / result.ours:.0f} |", flush=True)


class Run:
    """A run of the recipe on random images, from update `first`; `as_before` neither flushes nor has our Muon."""

    def __init__(self, pixels: Tensor, batch: int, as_before: bool, first: int = 0):
        torch.manual_seed(0)
        recipe = get_recipe(RECIPE)
        self.parts = build_parts(recipe, recipe.build().to(memory_format=torch.channels_last))
        self.pixels, self.batch, self.as_before, self.number = pixels, batch, as_before, first
        self.generator = torch.Generator().manual_seed(0)

    def load(self, state: dict[str, dict[str, Tensor]]) -> None:
        """Go on from a state."""
        self.parts.tokenizer.load_state_dict(state["model"])
        self.parts.optimizer.load_state_dict(deepcopy(state["opt"]))  # the optimizer would share the tensors

    def step(self) -> None:
        """Train on a batch."""
        torch.set_flush_denormal(not self.as_before)
        images = self.pixels[torch.randint(len(self.pixels), (self.batch,), generator=self.generator)]
        with timms_steps() if self.as_before else nullcontext():
            train_step(self.parts, [images], self.number)
        self.number += 1


if __name__ == "__main__":
    main()
