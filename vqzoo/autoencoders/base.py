"""The contract of an autoencoder."""

from typing import Any

from torch import Tensor, nn


def check_channels(channels: object) -> int:
    """`channels` if it is 1 (grey) or 3 (RGB); otherwise ValueError."""
    if type(channels) is not int or channels not in (1, 3):
        raise ValueError(f"channels={channels!r}: expected 1 (grey) or 3 (RGB)")
    return channels


class Autoencoder(nn.Module):
    """Images (b, channels, H, W) in [-1, 1] <-> one or more grids of latents (b, latent_dim, h, w), coarsest first.

    H and W are multiples of `stride`, the pixels a cell of the coarsest grid; the tokenizer pads to that.
    """

    channels: int
    latent_dim: int
    stride: int
    strides: tuple[int, ...]
    """Pixels a cell of each level's grid, coarsest first; the first is `stride`."""
    encoder: nn.Module
    decoder: nn.Module
    config: dict[str, Any]
    """Name and settings, set by `build`."""

    def encode(self, images: Tensor) -> Tensor:
        """Features that `latents` reads every level's latents from."""
        return self.encoder(images)

    def latents(self, features: Tensor, *coarser: Tensor) -> Tensor:
        """Latents of the next level, given what the coarser ones were quantized to; with one level, the features."""
        assert not coarser
        return features

    def decode(self, *latents: Tensor) -> Tensor:
        """Images, not clamped, from the quantized latents of every level, coarsest first."""
        return self.decoder(*latents)

    @property
    def last_layer(self) -> nn.Parameter:
        """Weight of the layer that makes the pixels, where VQGAN compares the gradients of two losses: the last one of
        `decoder`, whose layers stand in the order of their use."""
        *_, weight = (value for name, value in self.decoder.named_parameters() if name.endswith("weight"))
        return weight
