"""List the recipes that are still to be trained, most wanted first: `python -m trainers.pending`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from trainers.recipes import RECIPES
from trainers.recipes.recipe import Recipe
from vqzoo.files.pipe import ignore_broken_pipe
from vqzoo.files.storage import read_json
from vqzoo.hub.card import METRICS
from vqzoo.hub.registry import cards_folder

CPU_RATE = 300_000.0
"""Pixels/s of a recipe with a loss of pixels alone, on two CPU cores; for recipes of which no run has been timed."""
GPU_RATE = 28_000_000.0
"""The same on one data-centre GPU: measured with `cifar10-vq-1024x128` on an H100."""
LOSS_NETWORKS_SLOWDOWN = 3.0
"""Factor by which a perceptual network and a discriminator slow a step of the narrow VQGAN down on two CPU cores."""


@dataclass(frozen=True)
class Pending:
    """A recipe without a model card of its full budget.

    images_seen: images that the existing card was trained on; 0 without a card, or if it had another optimizer.
    """

    name: str
    images_seen: int
    images_wanted: int
    cpu_minutes: float
    gpu_minutes: float


def pending(cards: Path) -> list[Pending]:
    """Return the recipes whose card in `cards` is missing or was trained for less, in the order of the table."""
    rows = [_pending(build(), cards) for build in RECIPES.values()]
    return [row for row in rows if row.images_seen < row.images_wanted]


def _pending(recipe: Recipe, cards: Path) -> Pending:
    path = cards / recipe.name / METRICS
    slower = LOSS_NETWORKS_SLOWDOWN if recipe.adversarial or recipe.weights.get("perceptual") else 1.0
    rates = {"CPU": CPU_RATE / slower, "GPU": GPU_RATE / slower}
    seen = 0
    if path.exists():
        training = read_json(path)["training"]
        seen = training["images"]
        side = training["recipe"].get("crop") or training["recipe"]["resolution"]
        rates["CPU" if training["device"] == "CPU" else "GPU"] = seen * side**2 / training["seconds"]
        if training["recipe"].get("optimizer", "adam") != recipe.optimizer:
            seen = 0
    cpu, gpu = (recipe.images * recipe.side**2 / rates[device] / 60 for device in ("CPU", "GPU"))
    return Pending(recipe.name, seen, recipe.images, cpu, gpu)


def _print(rows: Sequence[Pending]) -> None:
    print(f"{'recipe':36} {'images seen':>12} {'of':>12} {'CPU minutes':>12} {'GPU minutes':>12}")
    for row in rows:
        minutes = f"{row.cpu_minutes:>12,.0f} {row.gpu_minutes:>12,.0f}"
        print(f"{row.name:36} {row.images_seen:>12,} {row.images_wanted:>12,} {minutes}")
    if rows:
        print(f"\nnext: accelerate launch trainers/train.py {rows[0].name}")
        print(
            "Minutes are estimates: by the rate of the recipe's last run, or by the constants in trainers/pending.py."
        )
    else:
        print("nothing: every recipe has a card at its full budget")


def main(cards: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None) -> int:
    """List the recipes without a card at their full training budget, most wanted first.

    Args:
        cards: folder of the cards; default: the checkout's model_cards/.
    """
    try:
        rows = pending(cards or cards_folder())
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with ignore_broken_pipe():
        _print(rows)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
