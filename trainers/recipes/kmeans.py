"""Vector quantization without a network: each block of pixels becomes the nearest of k-means' centres.

Of the same grid and codebook size as a VQ-VAE's it costs the same bits, so it shows what the networks add.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from vqzoo.ops.check import check_int


@dataclass(frozen=True)
class KMeansRecipe:
    """One fit, complete. Every field can be overridden on the command line."""

    name: str
    """Recipe, checkpoint folder, model card and Hub repository: <dataset>-kmeans-<side of a block>x<centres>."""
    dataset: str
    """A key of `trainers.data.HUB_IDS`, or any Hub id."""
    stride: int
    """Side of a block in pixels."""
    codebook_size: int
    """Centres."""
    resolution: int = 32
    """Side in pixels; images of another size are shrunk and centre-cropped to it."""
    channels: int = 3
    held_out: int = 1000
    """Images of the train split kept back, as trainers/train.py does, so that all fits see the same images."""
    train_images: int = 0
    """Fit to the first so many images only; 0 takes all that are not held out."""
    rows: int = 16_384
    """Blocks that each step of the fit sees."""
    epochs: int = 10
    """How often the fit sees all blocks."""
    seed: int = 42

    def __post_init__(self) -> None:
        for name in ("stride", "codebook_size", "resolution", "held_out", "rows", "epochs"):
            check_int(name, getattr(self, name), 1, 2**30)
        check_int("train_images", self.train_images, 0, 2**30)
        if self.resolution % self.stride:
            raise ValueError(f"stride={self.stride}: expected a divisor of resolution={self.resolution}")

    @property
    def blocks(self) -> int:
        """Blocks of an image."""
        return (self.resolution // self.stride) ** 2

    def to_dict(self) -> dict[str, Any]:
        """Every field, as metrics.json has it."""
        return asdict(self)


def cifar10_640() -> KMeansRecipe:
    """The grid, the codebook size and the 640 bits of CIFAR-10's VQ-VAE with 1024 codevectors."""
    return KMeansRecipe("cifar10-kmeans-4x1024", "cifar10", stride=4, codebook_size=1024)


RECIPES: dict[str, Callable[[], KMeansRecipe]] = {"cifar10-kmeans-4x1024": cifar10_640}
