"""Losses between a tokenizer (the generator) and a discriminator, and terms that balance the two."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.check import check_choice, check_fraction
from vqzoo.ops.distributed import all_mean

Adversary = Literal["hinge", "non-saturating"]


class _Losses(NamedTuple):
    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def _hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2


def _hinge_generator(fake: Tensor) -> Tensor:
    return -fake.mean()


def _non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2  # -log D(real) - log(1 - D(fake))


def _non_saturating_generator(fake: Tensor) -> Tensor:
    return F.softplus(-fake).mean()  # -log D(fake)


ADVERSARIES: dict[str, _Losses] = {
    "hinge": _Losses(_hinge_discriminator, _hinge_generator),
    "non-saturating": _Losses(_non_saturating_discriminator, _non_saturating_generator),
}


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, kind: Adversary = "hinge") -> Tensor:
    """Return the scalar loss of a discriminator, the mean of its real and fake halves.

    "hinge": Lim & Ye, 2017, arXiv:1705.02894. "non-saturating": binary cross-entropy with target 1 for images and 0 for
    reconstructions (Goodfellow et al., 2014, arXiv:1406.2661).
    """
    losses = ADVERSARIES[check_choice("kind", kind, ADVERSARIES)]
    return losses.discriminator(real_logits.float(), fake_logits.float())


def generator_loss(fake_logits: Tensor, kind: Adversary = "hinge") -> Tensor:
    """Return the scalar loss of the generator, lower for higher logits; kinds as in `discriminator_loss`."""
    return ADVERSARIES[check_choice("kind", kind, ADVERSARIES)].generator(fake_logits.float())


def adaptive_weight(main_loss: Tensor, adversarial_loss: Tensor, last_layer: Tensor, limit: float = 1e4) -> Tensor:
    """Return the scalar weight, without a gradient, that gives both losses equal gradients at `last_layer`.

    VQGAN (Esser et al., 2021, arXiv:2012.09841, eq. 7): |grad of main_loss| / (|grad of adversarial_loss| + 1e-4), at
    most `limit`. Gradients are averaged over processes before their norms are taken, so that every process has the
    weight of the joint batch. Both losses keep their graphs.
    """
    main, adversarial = (
        all_mean(torch.autograd.grad(loss, last_layer, retain_graph=True)[0].float()).norm()
        for loss in (main_loss, adversarial_loss)
    )
    weight: Tensor = (main / (adversarial + 1e-4)).clamp(max=limit)
    return weight


class LeCam(nn.Module):
    """Regulariser that keeps a discriminator's logits near the running mean for the other kind of image.

    It helps with few images. Tseng et al., 2021, arXiv:2104.03310: mean (real - a_fake)^2 + mean (fake - a_real)^2,
    where a_real and a_fake are moving averages of the mean logits over all processes' batches; their first 1 / (1 -
    decay) values weigh equally. In training mode a call updates the averages before it compares. This is the paper's
    equation; the authors' code counts only logits with real > a_fake or fake < a_real.
    """

    real: Tensor
    fake: Tensor
    updates: Tensor

    def __init__(self, decay: float = 0.999):
        super().__init__()
        self.decay = check_fraction("decay", decay)
        self.register_buffer("real", torch.tensor(0.0))
        self.register_buffer("fake", torch.tensor(0.0))
        self.register_buffer("updates", torch.tensor(0))

    def forward(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return a scalar, to be weighted and added to the discriminator's loss."""
        real, fake = real_logits.float(), fake_logits.float()
        if self.training:
            self._update(real.detach().mean(), fake.detach().mean())
        return (real - self.fake).square().mean() + (fake - self.real).square().mean()

    def _update(self, real: Tensor, fake: Tensor) -> None:
        self.updates.add_(1)
        # A plain mean of the first values, so that the initial 0 has no weight.
        share = (1 / self.updates).clamp(min=1 - self.decay)
        for average, value in ((self.real, real), (self.fake, fake)):
            average.lerp_(all_mean(value), share)
