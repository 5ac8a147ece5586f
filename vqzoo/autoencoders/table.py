"""The table of autoencoders."""

from collections.abc import Callable
from typing import Any

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.autoencoders.conv import ConvAutoencoder
from vqzoo.ops.build import build_from

AUTOENCODERS: dict[str, Callable[..., Autoencoder]] = {
    "conv": ConvAutoencoder,
}


def build_autoencoder(name: str, **settings: Any) -> Autoencoder:
    """The autoencoder called `name`; raises ValueError for an unknown name or setting."""
    return build_from(AUTOENCODERS, "autoencoder", name, settings)
