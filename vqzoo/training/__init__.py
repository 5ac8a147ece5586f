"""Parts of training beside the tokenizer: an adversary, losses, averaged weights and a measure of gradients."""

from vqzoo.training.adversary import ADVERSARIES, LeCam, adaptive_weight, discriminator_loss, generator_loss
from vqzoo.training.average import WeightAverage
from vqzoo.training.discriminator import PatchDiscriminator, discriminate
from vqzoo.training.gradient_gap import gradient_gap
from vqzoo.training.perceptual import PerceptualLoss

__all__ = [
    "ADVERSARIES",
    "LeCam",
    "PatchDiscriminator",
    "PerceptualLoss",
    "WeightAverage",
    "adaptive_weight",
    "discriminator_loss",
    "generator_loss",
    "gradient_gap",
    "discriminate",
]
