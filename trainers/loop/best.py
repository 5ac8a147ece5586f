"""The best checkpoint of a run, as a tokenizer."""

from dataclasses import dataclass
from pathlib import Path

import torch

from trainers.loop import checkpoint
from trainers.recipes.recipe import Recipe
from vqzoo.tokenizer import Tokenizer


@dataclass(frozen=True)
class Best:
    """tokenizer: in evaluation mode; step: after which it was saved; loss: on the held-out images."""

    tokenizer: Tokenizer
    step: int
    loss: float


def load_best(recipe: Recipe, run: Path, device: torch.device | str = "cpu") -> Best:
    """Return the best checkpoint of the run folder of a recipe."""
    saved = checkpoint.read(run / "best.pt")
    tokenizer = recipe.build().to(device)
    tokenizer.load_state_dict(saved["model"])
    return Best(tokenizer.eval(), saved["step"], saved["loss"])
