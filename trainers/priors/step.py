"""One training step of a prior, for the trainer, a benchmark or a test."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from trainers.loop.optimizer import build_optimizer, set_learning_rates
from trainers.priors.data import Batch, Rows
from trainers.priors.recipe import PriorRecipe
from vqzoo.generation.prior import Generators, Prior


class MeanLoss(nn.Module):
    """A prior whose forward is its loss, as `accelerator.prepare` needs one to average gradients of."""

    def __init__(self, prior: Prior):
        super().__init__()
        self.prior = prior

    def forward(self, sequences: Tensor, generators: Generators, images: Tensor | None) -> Tensor:
        """Return the mean training loss of sequences (b, length); arguments are those of `Prior.training_loss`."""
        return self.prior.training_loss(sequences, generators, images).mean()


@dataclass(frozen=True)
class PriorParts:
    """What a training step updates, and what with."""

    recipe: PriorRecipe
    accelerator: Accelerator
    prior: Prior
    model: nn.Module
    optimizer: Optimizer


def build_prior_parts(recipe: PriorRecipe, prior: Prior, accelerator: Accelerator | None = None) -> PriorParts:
    """Build what `prior_step` needs, and move the prior to the device."""
    accelerator = accelerator or Accelerator()
    model, optimizer = accelerator.prepare(MeanLoss(prior), build_optimizer(recipe, prior))
    return PriorParts(recipe, accelerator, prior, model, optimizer)


def prior_step(parts: PriorParts, batch: Batch, step: int) -> dict[str, Any]:
    """Update a prior by one batch; return the loss."""
    set_learning_rates(parts.optimizer, parts.recipe, step)
    parts.prior.train()
    device, rows = parts.accelerator.device, batch.rows
    images = None if rows.images is None else rows.images.to(device)
    loss = parts.model(rows.sequences.to(device), batch.generators, images)
    parts.accelerator.backward(loss)
    nn.utils.clip_grad_norm_(parts.prior.parameters(), 1.0)
    parts.optimizer.step()
    parts.optimizer.zero_grad()
    return {"loss": loss.detach()}


@torch.no_grad()
def held_out(prior: Prior, rows: Rows, batch_size: int = 64) -> Tensor:
    """Return the prior's measure (n,) of each row, with the same random numbers every time."""
    prior.eval()
    generators = [np.random.default_rng([0, row]) for row in range(len(rows))]
    measured = []
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        images = None if part.images is None else part.images.to(prior.device)
        sequences = part.sequences.long().to(prior.device)
        measured.append(prior.held_out(sequences, generators[start : start + batch_size], images).cpu())
    return torch.cat(measured)


def shown(prior: Prior, value: float) -> str:
    """Return a value of the prior's measure as text, "512.3 bits an image"."""
    if prior.measure == "flow-matching loss":
        return f"{prior.measure} {value:.4f}"
    return f"{value:,.1f} {prior.measure.replace('bits', 'bits an image')}"
