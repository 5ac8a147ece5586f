"""A study of residual quantization on CIFAR-10: the post "Investigating Compression with VQ-VAEs".

The network, latents of 4 x 4 cells, and codebooks that start from k-means and learn by moving averages are those of its
code. Three things differ. Training is that of `cifar10`, with a fixed length; the study lowers the learning rate on
plateaus and stops early. Unused codevectors move to latents of the batch; the study resets them after an epoch. The
commitment weight is 0.25; the study chose the best of four on the test split.
"""

from collections.abc import Iterator
from dataclasses import replace

from trainers.recipes import cifar10
from trainers.recipes.recipe import Recipe, Settings

DIMS = (1, 2, 4, 8, 16, 32, 64, 128)
SIZES = (16, 64, 256, 1024, 4096)
LEVELS = {2: (1, 2, 4, 8, 16, 32), 16: (1, 2, 4, 8), 256: (1, 2, 4), 4096: (1, 2)}
"""Codebook size -> numbers of codebooks, many of which have equal bits, at most 32 for a cell."""
_HALVINGS = {4: 3, 8: 2}


def none(dim: int, cells: int = 4) -> Recipe:
    """Return the plain autoencoder with latents of `dim` numbers, which shows what the network can do."""
    return replace(
        cifar10.none(),
        name=f"cifar10-none-{cells}x{cells}x{dim}",
        autoencoder={"name": "squeeze", "halvings": _HALVINGS[cells]},
        latent_dim=dim,
    )


def single(codebook_size: int, dim: int) -> Recipe:
    """Return a single codebook."""
    quantizer: Settings = {"name": "ema", "codebook_size": codebook_size, "start": "kmeans", "revival": "restart"}
    return replace(
        none(dim), name=f"cifar10-ema-4x4-{codebook_size}x{dim}", quantizer=quantizer, weights=cifar10.ema().weights
    )


def residual(codebook_size: int, levels: int, cells: int = 4) -> Recipe:
    """Return residual levels with codebooks of 64 dimensions."""
    quantizer: Settings = {"name": "rvq", "levels": levels, "codebook_size": codebook_size}
    quantizer |= {"start": "kmeans", "revival": "restart"}
    return replace(
        none(64, cells),
        name=f"cifar10-rvq-{cells}x{cells}-{levels}x{codebook_size}",
        quantizer=quantizer,
        weights=cifar10.rvq().weights,
    )


def recipes() -> Iterator[Recipe]:
    """Yield the study's rows: no quantizer, K x d, K x number of codebooks, and 8 x 8 latents."""
    for dim in DIMS:
        yield none(dim)
    for size in SIZES:
        for dim in (2, 4, 8, 16, 64):
            yield single(size, dim)
    for size, numbers in LEVELS.items():
        for levels in numbers:
            yield residual(size, levels)
    for size, levels in ((2, 2), (2, 4), (2, 8), (16, 1), (16, 2), (256, 1), (256, 2)):
        yield residual(size, levels, cells=8)
