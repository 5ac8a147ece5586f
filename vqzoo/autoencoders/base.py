"""The contract of an autoencoder."""

from typing import Any

from torch import Tensor, nn


class Autoencoder(nn.Module):
    """Images (b, channels, H, W) in [-1, 1] <-> latents (b, latent_dim, H / stride, W / stride).

    H and W are multiples of `stride`; the tokenizer pads to that.
    """

    channels: int
    latent_dim: int
    stride: int
    config: dict[str, Any]
    """Name and settings, set by `build`."""

    def encode(self, images: Tensor) -> Tensor:
        raise NotImplementedError

    def decode(self, latents: Tensor) -> Tensor:
        """Images, not clamped."""
        raise NotImplementedError
