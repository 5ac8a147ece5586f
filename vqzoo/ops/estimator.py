"""Gradient estimators: how a decoder's gradient passes a step that has none."""

from torch import Tensor


def straight_through(latents: Tensor, quantized: Tensor) -> Tensor:
    """The value of `quantized`, bit for bit, with the gradient of `latents` (Bengio et al., 2013, arXiv:1308.3432).

    Written as q + (z - z) and not as z + (q - z): the latter rounds, and a decoder would see other values in training
    than the ones its codebook holds.
    """
    return quantized.detach() + (latents - latents.detach())
