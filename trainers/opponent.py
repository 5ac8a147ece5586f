"""The discriminator of an adversarial recipe, with its optimizer."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.func import functional_call

from trainers.recipe import Recipe
from vqzoo.training import LeCam, PatchDiscriminator, adaptive_weight, discriminator_loss, generator_loss, judge


class Opponent:
    """Plays from generator update `recipe.adversary.start` on; before that it neither judges nor learns."""

    def __init__(self, recipe: Recipe, accelerator: Accelerator):
        self.settings = recipe.adversary
        self.weight = recipe.weights["adversarial"]
        self.accelerator = accelerator
        self.discriminator = PatchDiscriminator(recipe.channels, self.settings.width, self.settings.layers)
        self.lecam = LeCam().to(accelerator.device)
        optimizer = torch.optim.Adam(self.discriminator.parameters(), betas=recipe.betas)
        self.model, self.optimizer = accelerator.prepare(self.discriminator, optimizer)

    def plays(self, step: int) -> bool:
        return step >= self.settings.start

    def term(self, restored: Tensor) -> Tensor:
        """The tokenizer's adversarial loss; the discriminator's parameters get no gradient from it."""
        frozen = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        return generator_loss(functional_call(self.discriminator, frozen, (restored,)), self.settings.loss)

    def weight_beside(self, main: Tensor, term: Tensor, last_layer: nn.Parameter) -> Tensor | float:
        """What the term is multiplied by, next to the weighted sum of the image terms."""
        return self.weight * (adaptive_weight(main, term, last_layer) if self.settings.adaptive else 1.0)

    def step(self, parts: Sequence[tuple[Tensor, Tensor]], learning_rate: float) -> list[dict[str, Tensor]]:
        """One update by (images, reconstructions) of each part of a batch; returns what each was judged by, for the
        log."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        judged = []
        for number, (images, restored) in enumerate(parts, 1):
            with in_step(self.accelerator, self.model, number == len(parts)):
                real, fake = judge(self.model, images, restored)
                terms = {"discriminator": discriminator_loss(real, fake, self.settings.loss)}
                loss = terms["discriminator"]
                if self.settings.lecam:
                    terms["lecam"] = self.lecam(real, fake)
                    loss = loss + self.settings.lecam * terms["lecam"]
                self.accelerator.backward(loss / len(parts))
            judged.append(terms | {"real_logits": real.mean(), "fake_logits": fake.mean()})
        self.optimizer.step()
        self.optimizer.zero_grad()
        return judged

    def state_dict(self) -> dict[str, Any]:
        return {
            "discriminator": self.discriminator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "lecam": self.lecam.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.lecam.load_state_dict(state["lecam"])


def in_step(accelerator: Accelerator, model: nn.Module, last: bool) -> AbstractContextManager[None]:
    """Where forward and backward of one part of a batch belong: processes exchange gradients behind the last part."""
    return nullcontext() if last else accelerator.no_sync(model)
