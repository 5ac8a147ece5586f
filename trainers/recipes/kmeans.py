"""Vector quantization without a network: each block of pixels is replaced by the nearest of k-means' centres.

With the grid and the codebook size of a VQ-VAE it needs the same bits, and so shows what the network adds.
"""

from collections.abc import Callable
from dataclasses import dataclass

from trainers.recipes.fit import FitRecipe
from vqzoo.ops.check import check_int


@dataclass(frozen=True, kw_only=True)
class KMeansRecipe(FitRecipe):
    """A fit of k-means."""

    codebook_size: int
    """Number of centres."""
    rows: int = 16_384
    """Blocks in a step of the fit."""
    epochs: int = 10
    """Passes over all blocks."""
    seed: int = 42

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("codebook_size", "rows", "epochs"):
            check_int(name, getattr(self, name), 1, 2**30)


def cifar10_640() -> KMeansRecipe:
    """Return k-means at the grid, the codebook size and the 640 bits of CIFAR-10's VQ-VAE with 1024 codevectors."""
    return KMeansRecipe("cifar10-kmeans-4x1024", "cifar10", stride=4, codebook_size=1024)


RECIPES: dict[str, Callable[[], KMeansRecipe]] = {"cifar10-kmeans-4x1024": cifar10_640}
