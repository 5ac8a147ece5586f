"""Networks between an image and its latent grids, and positional encodings of these grids."""

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.autoencoders.position import POSITIONS, Position, build_position
from vqzoo.autoencoders.table import AUTOENCODERS, build_autoencoder

__all__ = ["AUTOENCODERS", "POSITIONS", "Autoencoder", "Position", "build_autoencoder", "build_position"]
