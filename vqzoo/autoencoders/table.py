"""The table of autoencoders."""

from collections.abc import Callable
from typing import Any

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.autoencoders.conv import ConvAutoencoder
from vqzoo.autoencoders.hierarchical import HierarchicalAutoencoder
from vqzoo.autoencoders.magvit2 import MAGVIT2Autoencoder
from vqzoo.autoencoders.patch import PatchAutoencoder
from vqzoo.autoencoders.pca import PCAAutoencoder
from vqzoo.autoencoders.squeeze import SqueezeAutoencoder
from vqzoo.autoencoders.study import StudyAutoencoder
from vqzoo.autoencoders.vit import ViTAutoencoder
from vqzoo.autoencoders.vqgan import MoVQAutoencoder, VQGANAutoencoder
from vqzoo.ops.build import build_from

AUTOENCODERS: dict[str, Callable[..., Autoencoder]] = {
    "conv": ConvAutoencoder,
    "vqgan": VQGANAutoencoder,
    "vqgan-study": StudyAutoencoder,
    "movq": MoVQAutoencoder,
    "magvit2": MAGVIT2Autoencoder,
    "vit": ViTAutoencoder,
    "squeeze": SqueezeAutoencoder,
    "hierarchical": HierarchicalAutoencoder,
    "patch": PatchAutoencoder,
    "pca": PCAAutoencoder,
}


def build_autoencoder(name: str, **settings: Any) -> Autoencoder:
    """Return the autoencoder called `name`; raise ValueError for an unknown name or setting."""
    return build_from(AUTOENCODERS, "autoencoder", name, settings)
