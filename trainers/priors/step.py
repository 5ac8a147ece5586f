"""One training step of a prior, for the trainer, a benchmark or a test."""

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from trainers.loop.optimizer import build_optimizer, set_learning_rates
from trainers.priors.recipe import PriorRecipe
from vqzoo.generation.prior import Prior


class MeanBits(nn.Module):
    """A prior whose forward is its loss: bits an index, as `accelerator.prepare` needs one to average gradients of."""

    def __init__(self, prior: Prior):
        super().__init__()
        self.prior = prior

    def forward(self, sequences: Tensor) -> Tensor:
        """Return the mean bits of the indices in sequences (b, length), those with no alternative left out."""
        bits: Tensor = self.prior.position_bits(sequences).sum() / (len(sequences) * self.prior.sequences.indices)
        return bits


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
    model, optimizer = accelerator.prepare(MeanBits(prior), build_optimizer(recipe, prior))
    return PriorParts(recipe, accelerator, prior, model, optimizer)


def prior_step(parts: PriorParts, sequences: Tensor, step: int) -> dict[str, Any]:
    """Update a prior by one batch of sequences (b, length) int64; return the loss, bits an index."""
    set_learning_rates(parts.optimizer, parts.recipe, step)
    parts.prior.train()
    loss = parts.model(sequences.to(parts.accelerator.device))
    parts.accelerator.backward(loss)
    nn.utils.clip_grad_norm_(parts.prior.parameters(), 1.0)
    parts.optimizer.step()
    parts.optimizer.zero_grad()
    return {"loss": loss.detach()}


@torch.no_grad()
def held_out_bits(prior: Prior, sequences: Tensor, batch_size: int = 64) -> Tensor:
    """Return the bits (n,) of each of the sequences (n, length)."""
    prior.eval()
    parts = sequences.split(batch_size)
    return torch.cat([prior.position_bits(part.long().to(prior.device)).sum(1).cpu() for part in parts])
