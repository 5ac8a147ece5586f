"""The training objective, and the loss that chooses the best checkpoint."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.recipes.recipe import IMAGE_TERMS, Recipe
from vqzoo.analysis.measurements import batches
from vqzoo.metrics.fidelity import psnr
from vqzoo.metrics.perceptual import fetch, load
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.tokenizer import Tokenizer
from vqzoo.training import PerceptualLoss, gradient_gap


def objective(terms: dict[str, Tensor], weights: dict[str, Any]) -> Tensor:
    """Return the weighted sum of the loss terms; ValueError for a term without a weight."""
    for name in terms:
        if name not in weights:
            raise ValueError(f"weights: the loss term {name!r} has no weight; given are: {', '.join(sorted(weights))}")
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


class ImageTerms(nn.Module):
    """The loss terms that compare reconstructions with originals; those to which the recipe gives a weight.

    reconstruction: mean squared difference of pixels in [0, 1]. l1: mean absolute difference of pixels in [0, 1].
    perceptual: LPIPS; downloads the weights of its network if necessary, and raises ValueError where that fails.
    """

    def __init__(self, recipe: Recipe):
        super().__init__()
        self.names = [name for name in IMAGE_TERMS if recipe.weights.get(name)]
        self.in_second_phase = recipe.in_second_phase
        if "perceptual" in self.names:
            self.perceptual = _perceptual(recipe, recipe.layer_weights or None)
            self.plain = _perceptual(recipe, None) if recipe.layer_weights and recipe.second_phase else self.perceptual

    def forward(self, images: Tensor, originals: Tensor, step: int) -> dict[str, Tensor]:
        """Return the terms, unweighted; images and originals are float (b, c, h, w) in [-1, 1]."""
        images = images.float()
        second = self.in_second_phase(step)
        terms: dict[str, Callable[[], Tensor]] = {
            "reconstruction": lambda: F.mse_loss(images, originals) / 4,
            "l1": lambda: F.l1_loss(images, originals) / 2,
            "perceptual": lambda: (self.plain if second else self.perceptual)(images, originals),
        }
        return {name: terms[name]() for name in self.names}


def _perceptual(recipe: Recipe, layer_weights: tuple[float, ...] | None) -> PerceptualLoss:
    if load(recipe.lpips) is None:
        with suppress(OSError):  # then PerceptualLoss raises an error that says how to get the weights
            fetch(recipe.lpips)
    return PerceptualLoss(recipe.lpips, layer_weights)


@torch.inference_mode()
def held_out_terms(tokenizer: Tokenizer, image_terms: ImageTerms, images: Tensor, step: int) -> dict[str, float]:
    """Return every term but the adversarial one, and "psnr" in dB, as means over uint8 images (n, c, h, w).

    The tokenizer is left in evaluation mode.
    """
    tokenizer.eval()
    sums: dict[str, float] = {}
    for batch in batches(images):
        originals = from_bytes(batch)
        out = tokenizer(originals)
        terms = {
            **image_terms(out.images, originals, step),
            **out.losses,
            "psnr": psnr(to_bytes(out.images), batch).mean(),
        }
        for name, term in terms.items():
            sums[name] = sums.get(name, 0.0) + term.item() * len(batch)
    return {name: total / len(images) for name, total in sums.items()}


def selection_loss(terms: dict[str, float], weights: dict[str, float]) -> float:
    """Return the loss that chooses the best checkpoint: the weighted sum of the terms that compare images."""
    return sum(weights[name] * terms[name] for name in IMAGE_TERMS if name in terms)


def held_out_gap(tokenizer: Tokenizer, images: Tensor) -> float | None:
    """Return the gradient gap (see `gradient_gap`) of squared error on uint8 images; None for several levels."""
    if len(tokenizer.quantizers) > 1:
        return None
    originals = from_bytes(images)
    with torch.no_grad():
        latents = tokenizer.latents(originals)
    latents.requires_grad_()

    def loss(quantized: Tensor) -> Tensor:
        return F.mse_loss(tokenizer.restore([quantized], (images.shape[2], images.shape[3])).float(), originals) / 4

    return gradient_gap(loss, latents, tokenizer.quantizer(latents).latents).item()
