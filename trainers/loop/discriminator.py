"""The discriminator of an adversarial recipe, with its optimizer."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.func import functional_call

from trainers.recipes.recipe import Recipe
from vqzoo.training import LeCam, PatchDiscriminator, adaptive_weight, discriminate, discriminator_loss, generator_loss


class Discriminator:
    """A patch discriminator that trains with the tokenizer, from update `recipe.adversary.start` of the latter on."""

    def __init__(self, recipe: Recipe, accelerator: Accelerator):
        self.settings = recipe.adversary
        self.weight = recipe.weights["adversarial"]
        self.peak = self.settings.learning_rate or recipe.learning_rate
        self.accelerator = accelerator
        self.network = PatchDiscriminator(recipe.channels, self.settings.width, self.settings.layers)
        self.lecam = LeCam().to(accelerator.device)
        optimizer = torch.optim.Adam(self.network.parameters(), betas=recipe.betas)
        self.model, self.optimizer = accelerator.prepare(self.network, optimizer)

    def active(self, step: int) -> bool:
        """Return whether the update of the tokenizer after `step` earlier ones has an adversarial term."""
        return step >= self.settings.start

    def generator_term(self, restored: Tensor) -> Tensor:
        """Return the tokenizer's adversarial loss, without a gradient for the discriminator's weights."""
        frozen = {name: parameter.detach() for name, parameter in self.network.named_parameters()}
        return generator_loss(functional_call(self.network, frozen, (restored,)), self.settings.loss)

    def generator_weight(self, main: Tensor, term: Tensor, last_layer: nn.Parameter) -> Tensor | float:
        """Return the weight of the adversarial term; `main` is the weighted sum of the image terms."""
        return self.weight * (adaptive_weight(main, term, last_layer) if self.settings.adaptive else 1.0)

    def step(self, parts: Sequence[tuple[Tensor, Tensor]], schedule: float) -> dict[str, Tensor]:
        """Update the discriminator by (images, reconstructions) of each part of a batch; return terms for the log.

        `schedule` is the learning rate as a share of its peak.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = schedule * self.peak
        sums: dict[str, Tensor] = {}
        for number, (images, restored) in enumerate(parts, 1):
            with no_sync_but_last(self.accelerator, self.model, number == len(parts)):
                real, fake = discriminate(self.model, images, restored)
                terms = {"discriminator": discriminator_loss(real, fake, self.settings.loss)}
                loss = terms["discriminator"]
                if self.settings.lecam:
                    terms["lecam"] = self.lecam(real, fake)
                    loss = loss + self.settings.lecam * terms["lecam"]
                self.accelerator.backward(loss / len(parts))
            add_terms(sums, terms | {"real_logits": real.mean(), "fake_logits": fake.mean()}, len(parts))
        self.optimizer.step()
        self.optimizer.zero_grad()
        return sums

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the network, of its optimizer and of LeCam."""
        return {
            "discriminator": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "lecam": self.lecam.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        self.network.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.lecam.load_state_dict(state["lecam"])


def add_terms(sums: dict[str, Tensor], terms: dict[str, Tensor], parts: int) -> None:
    """Add the terms of one part of a batch to `sums`, the means over its `parts` parts."""
    for name, term in terms.items():
        mean = term.detach() / parts if parts > 1 else term.detach()
        sums[name] = sums[name] + mean if name in sums else mean


def no_sync_but_last(accelerator: Accelerator, model: nn.Module, last: bool) -> AbstractContextManager[None]:
    """Return the context in which to process a part of a batch: gradients are exchanged after the last part only."""
    return nullcontext() if last else accelerator.no_sync(model)
