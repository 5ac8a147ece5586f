"""The best checkpoint of a run, as a tokenizer."""

from dataclasses import dataclass
from pathlib import Path

import torch

from trainers.loop import checkpoint
from trainers.recipes.recipe import Recipe
from vqzoo.tokenizer import Tokenizer


@dataclass(frozen=True)
class Best:
    """The best checkpoint: its tokenizer in evaluation mode, the step that saved it, and its held-out loss."""

    tokenizer: Tokenizer
    step: int
    loss: float


def load_best(recipe: Recipe, run: Path, device: torch.device | str = "cpu") -> Best:
    """Load the best checkpoint from the run folder of a recipe."""
    saved = checkpoint.read(run / "best.pt")
    tokenizer = recipe.build().to(device)
    tokenizer.load_state_dict(saved["model"])
    return Best(tokenizer.eval(), saved["step"], saved["loss"])
