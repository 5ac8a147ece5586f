"""Networks between an image and its latent grid, and encodings of a latent's place on it."""

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.autoencoders.position import POSITIONS, Position, build_position
from vqzoo.autoencoders.table import AUTOENCODERS, build_autoencoder

__all__ = ["AUTOENCODERS", "POSITIONS", "Autoencoder", "Position", "build_autoencoder", "build_position"]
