"""One training step of a tokenizer, for the trainer, a benchmark, a notebook or a test."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from trainers.loop.discriminator import Discriminator, add_terms, no_sync_but_last
from trainers.loop.momentum import reset_momentum
from trainers.loop.objective import ImageTerms, objective
from trainers.loop.optimizer import build_optimizer, schedule, set_learning_rates
from trainers.recipes.recipe import Recipe
from vqzoo.ops.pixels import from_bytes
from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.training import WeightAverage


@dataclass(frozen=True)
class Parts:
    """What a training step updates: the tokenizer, its optimizer, losses, discriminator and averaged weights."""

    recipe: Recipe
    accelerator: Accelerator
    tokenizer: Tokenizer
    model: nn.Module
    """The tokenizer as `accelerator.prepare` returned it."""
    optimizer: Optimizer
    image_terms: ImageTerms
    discriminator: Discriminator | None
    average: WeightAverage | None


@dataclass(frozen=True)
class StepResult:
    """The result of a training step.

    terms: the loss and each of its terms, as means over the batch. tokens: those of each part of the batch.
    """

    terms: dict[str, Tensor]
    tokens: list[Tokens]


def build_parts(recipe: Recipe, tokenizer: Tokenizer, accelerator: Accelerator | None = None) -> Parts:
    """Build what `train_step` needs to train a tokenizer by a recipe, and move the tokenizer to the device.

    Without an `accelerator` a default one is made: one process, float32, the GPU where there is one.
    """
    accelerator = accelerator or Accelerator()
    model, optimizer = accelerator.prepare(tokenizer, build_optimizer(recipe, tokenizer))
    return Parts(
        recipe,
        accelerator,
        tokenizer,
        model,
        optimizer,
        ImageTerms(recipe).to(accelerator.device),
        Discriminator(recipe, accelerator) if recipe.adversarial else None,
        WeightAverage(tokenizer, recipe.average) if recipe.average else None,
    )


def train_step(parts: Parts, batch: Iterable[Tensor], step: int) -> StepResult:
    """Update the tokenizer and its discriminator, if it has one, by one batch; return losses and tokens.

    `batch` has `recipe.accumulate` parts, each uint8 (b, c, h, w). `step` is the number of earlier updates.
    """
    recipe, tokenizer, discriminator = parts.recipe, parts.tokenizer, parts.discriminator
    result = StepResult({}, [])
    reconstructions = []
    set_learning_rates(parts.optimizer, recipe, step)
    set_training_mode(tokenizer, recipe, step)
    for number, pixels in enumerate(batch, 1):
        images = from_bytes(pixels.to(parts.accelerator.device)).contiguous(memory_format=torch.channels_last)
        with no_sync_but_last(parts.accelerator, parts.model, number == recipe.accumulate):
            out = parts.model(images)
            terms = parts.image_terms(out.images, images, step)
            weights: dict[str, float | Tensor] = dict(recipe.weights)
            measured = {}
            if discriminator and discriminator.active(step):
                main, term = objective(terms, weights), discriminator.generator_term(out.images)
                weight = discriminator.generator_weight(main, term, tokenizer.autoencoder.last_layer)
                terms["adversarial"], weights["adversarial"] = term, weight
                measured["adversarial_weight"] = torch.as_tensor(weight, device=images.device)
                reconstructions.append((images, out.images.detach()))
            terms |= out.losses
            loss = objective(terms, weights)
            parts.accelerator.backward(loss / recipe.accumulate)
        reset_momentum(parts.optimizer, tokenizer)
        add_terms(result.terms, {"loss": loss, **terms, **measured}, recipe.accumulate)
        result.tokens.append(out.tokens)
    drop_frozen_gradients(tokenizer, recipe, step)
    parts.optimizer.step()
    parts.optimizer.zero_grad()
    if parts.average:
        parts.average.update(tokenizer)
    if discriminator and reconstructions:
        result.terms.update(discriminator.step(reconstructions, schedule(recipe, step)))
    return result


def set_training_mode(tokenizer: Tokenizer, recipe: Recipe, step: int) -> None:
    """Set training mode, but evaluation mode for a frozen quantizer, whose codebook would follow its statistics."""
    tokenizer.train()
    if "quantizer" in recipe.frozen(step):
        tokenizer.quantizer.eval()


def drop_frozen_gradients(tokenizer: Tokenizer, recipe: Recipe, step: int) -> None:
    """Set the gradients of frozen parts to None: optimizers skip such parameters."""
    if frozen := recipe.frozen(step):
        for name, parameter in tokenizer.named_parameters():
            if part_of(name) in frozen:
                parameter.grad = None


def part_of(name: str) -> str:
    """Return the part that a parameter of a tokenizer belongs to: "decoder", "quantizer", or "encoder" for others."""
    if name.startswith("autoencoder.decoder."):
        return "decoder"
    return "quantizer" if name.startswith("quantizer.") else "encoder"
