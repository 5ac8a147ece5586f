"""The optimizer of a recipe, its parameter groups and learning-rate schedule."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from trainers.loop.muon import Muon
from trainers.priors.recipe import PriorRecipe
from trainers.recipes.recipe import Recipe
from vqzoo.quantizers import Quantizer

KINDS = ("kernels", "vectors", "projections", "codebooks")
"""kernels: weights of convolutions and linear layers outside a quantizer; projections: those inside one; codebooks:
codevectors and other tables inside a quantizer; vectors: all else (biases, scales, positional encodings)."""


def build_optimizer(recipe: Recipe | PriorRecipe, model: nn.Module) -> Optimizer:
    """Build the recipe's optimizer, with a parameter group for each of `KINDS` that the model has.

    "muon" is Muon for kernels and AdamW without weight decay for other parameters; "adam" is Adam for all.
    """
    by_kind = sort_parameters(model)
    groups: list[dict[str, Any]] = [{"params": params, "kind": kind} for kind, params in by_kind.items() if params]
    if recipe.optimizer == "adam":
        return torch.optim.Adam(groups, lr=recipe.learning_rate, betas=recipe.betas)
    for group in groups:
        group["use_muon"] = group["kind"] == "kernels"
    return Muon(groups, lr=recipe.learning_rate, betas=recipe.betas)


def set_learning_rates(optimizer: Optimizer, recipe: Recipe | PriorRecipe, step: int) -> float:
    """Set the learning rate of every group for the update after `step` earlier ones; return that of the kernels."""
    factor = schedule(recipe, step)
    for group in optimizer.param_groups:
        group["lr"] = factor * (getattr(recipe.rates, group["kind"], 0.0) or recipe.learning_rate)
    return factor * recipe.learning_rate


def schedule(recipe: Recipe | PriorRecipe, step: int) -> float:
    """Return the learning rate at a step as a share of its peak: linear warm-up, then the recipe's schedule.

    "cosine" and "linear" fall to zero at the last step; "constant" stays at the peak.
    """
    warm = min(1.0, (step + 1) / max(1, recipe.warmup))
    if recipe.schedule == "constant":
        return warm
    done = step / recipe.steps
    return warm * (1 - done if recipe.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done)))


def sort_parameters(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the trainable parameters of a model by kind, each exactly once."""
    sorted_: dict[str, list[nn.Parameter]] = {kind: [] for kind in KINDS}
    for kind, parameter in _with_kind(model, inside_quantizer=False):
        sorted_[kind].append(parameter)
    return sorted_


def _with_kind(module: nn.Module, inside_quantizer: bool) -> Iterator[tuple[str, nn.Parameter]]:
    inside_quantizer |= isinstance(module, Quantizer)
    layer = isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    for parameter in module.parameters(recurse=False):
        if not parameter.requires_grad:
            continue
        if parameter.ndim < 2 or not (layer or inside_quantizer):
            yield "vectors", parameter
        elif inside_quantizer:
            yield "projections" if layer else "codebooks", parameter
        else:
            yield "kernels", parameter
    for child in module.children():
        yield from _with_kind(child, inside_quantizer)
