"""What a run minimises, and how fast it moves."""

import math

import torch
from torch import Tensor

from trainers.recipe import Recipe
from vqzoo.ops.pixels import from_bytes
from vqzoo.tokenizer import Tokenizer


def objective(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Sum of the terms by their weights; ValueError where a term has none."""
    for name in terms:
        if name not in weights:
            raise ValueError(f"weights: the loss term {name!r} has no weight; given are: {', '.join(sorted(weights))}")
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def learning_rate(recipe: Recipe, step: int) -> float:
    """Adam's rate at a step: linear warm-up, then a cosine to zero."""
    warm = min(1.0, (step + 1) / max(1, recipe.warmup))
    return recipe.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


@torch.inference_mode()
def held_out_loss(tokenizer: Tokenizer, images: Tensor, batch_size: int = 250) -> float:
    """Mean squared error on [0, 1] over uint8 images; leaves the tokenizer in evaluation mode."""
    tokenizer.eval()
    total = 0.0
    for batch in images.split(batch_size):
        originals = from_bytes(batch)
        total += (tokenizer(originals).images - originals).square().sum().item() / 4
    return total / images.numel()
