"""The contract of an autoencoder."""

from typing import Any

from torch import Tensor, nn

from vqzoo.ops.check import check_int


def check_channels(channels: object) -> int:
    """Return `channels` if it is 1 (grey) or 3 (RGB); raise ValueError otherwise."""
    if type(channels) is not int or channels not in (1, 3):
        raise ValueError(f"channels={channels!r}: expected 1 (grey) or 3 (RGB)")
    return channels


class Autoencoder(nn.Module):
    """Network between images (b, channels, H, W) in [-1, 1] and one or more grids of latents (b, latent_dim, h, w).

    Grids are ordered coarsest first. `strides` holds the pixels a cell of each grid, and `stride` is the first of them.
    H and W are multiples of `stride`; the tokenizer pads images to that.
    """

    encoder: nn.Module
    decoder: nn.Module
    config: dict[str, Any]
    """Name and settings, set by `build_autoencoder`."""

    def __init__(self, channels: int, latent_dim: int, strides: tuple[int, ...]):
        super().__init__()
        self.channels = check_channels(channels)
        self.latent_dim = check_int("latent_dim", latent_dim, 1, 4096)
        self.stride, self.strides = strides[0], strides

    def encode(self, images: Tensor) -> Tensor:
        """Return the features of images, from which `latents` computes the latents of every level."""
        features: Tensor = self.encoder(images)
        return features

    def latents(self, features: Tensor, *coarser: Tensor) -> Tensor:
        """Return the latents of the next level, given the quantized latents of the coarser ones.

        With a single level these are the features themselves.
        """
        assert not coarser
        return features

    def decode(self, *latents: Tensor) -> Tensor:
        """Return images, not clamped, from the quantized latents of every level, coarsest first."""
        images: Tensor = self.decoder(*latents)
        return images

    @property
    def last_layer(self) -> nn.Parameter:
        """The weight of the layer that outputs the pixels, where VQGAN compares the gradients of two losses.

        It is the last weight of `decoder`, whose layers are registered in the order of their use.
        """
        *_, weight = (value for name, value in self.decoder.named_parameters() if name.endswith("weight"))
        return weight
