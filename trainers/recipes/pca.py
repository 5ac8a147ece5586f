"""The linear baseline: principal components of blocks of pixels, each quantized uniformly.

A fit takes minutes on a CPU. A study of VQGANs on flowers (arXiv:2308.05242) reports that 50 components of whole images
explain over 98 % of the variance; `flowers_50` checks this, with --train-images 65 or 185 for the study's smaller sets.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from trainers.recipes.fit import FitRecipe
from vqzoo.ops.check import check_int


@dataclass(frozen=True, kw_only=True)
class PCARecipe(FitRecipe):
    """A fit of principal components."""

    components: int
    """Number of components."""
    bits: int
    """Largest number of true bits of an image, with fixed-length indices."""
    rows: int = 512
    """Blocks in a step of the incremental fit, at least; fewer are faster, more come closer to exact components."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("components", "bits", "rows"):
            check_int(name, getattr(self, name), 1, 2**30)
        if self.rows < self.components:
            raise ValueError(f"rows={self.rows}: a step of the fit needs at least components={self.components}")


def cifar10_640() -> PCARecipe:
    """Return PCA of whole images of CIFAR-10, at the 640 bits of one codebook of 1024."""
    return PCARecipe("cifar10-pca-32x256", "cifar10", stride=32, components=256, bits=640)


def cifar10_4096() -> PCARecipe:
    """Return PCA of blocks of 16 x 16 pixels, at the 4096 bits of eight residual levels of 256."""
    return PCARecipe("cifar10-pca-16x320", "cifar10", stride=16, components=320, bits=4096)


def flowers_2560() -> PCARecipe:
    """Return PCA of blocks of 32 x 32 pixels, at the 2560 bits of a 16 x 16 grid of one codebook of 1024."""
    return PCARecipe(
        "flowers-pca-32x16", "flowers", 32, components=16, bits=2560, resolution=256, held_out=128, rows=256
    )


def flowers_50() -> PCARecipe:
    """Return PCA with the study's 50 components of whole images, at 128 x 128 pixels, as 256 x 256 would take 20 MB."""
    return replace(flowers_2560(), name="flowers-pca-128x50", stride=128, components=50, bits=400, resolution=128)


RECIPES: dict[str, Callable[[], PCARecipe]] = {
    "cifar10-pca-32x256": cifar10_640,
    "cifar10-pca-16x320": cifar10_4096,
    "flowers-pca-32x16": flowers_2560,
    "flowers-pca-128x50": flowers_50,
}
