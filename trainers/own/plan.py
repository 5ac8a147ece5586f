"""Choose the settings of a training from the sizes of the images and the bits that one may take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trainers.recipes.recipe import Rates, Recipe, Settings

STRIDES = (4, 8, 16, 32)
MAX_SIDE = 256
MIN_SIDE = 16
LARGE = 64
"""Sides above it are learnt from crops of so many pixels, and judged by LPIPS, too."""
_ONE_CODEBOOK = 13
"""Bits of a cell up to which one codebook has them all: 8,192 codevectors."""
_LEVEL_BITS = 10
_MOST_LEVELS = 16
_FEWEST_BITS = 8
"""Bits of a cell below which a larger stride is better."""
WEIGHTS = {
    "codebook": 1.0,
    "commitment": 0.25,
    "sample_entropy": 0.1,
    "entropy_deficit": 0.1,
    "kl": 5e-4,
    "kl_discrete": 4e-4,
    "kl_continuous": 4e-4,
    "index": 1.0,
    "guess": 1.0,
}
"""Of the losses that quantizers have."""


@dataclass(frozen=True)
class ImageStatistics:
    """What the images are like: shorter sides of a sample in pixels, and whether all are grey."""

    sides: Sequence[int]
    grey: bool


def choose(dataset: str, statistics: ImageStatistics, bits: int, perceptual: bool) -> Recipe:
    """Return a recipe for images of one's own, of a length that is still to be set.

    The resolution is the lower quartile of the shorter sides, at most 256, so that few images have to be enlarged. The
    stride is the smallest at which a cell has 8 bits or more. Up to 13 bits a cell has one codebook, above that
    residual levels of about 10 bits. `perceptual`: whether LPIPS can be part of the loss of large images. Raises
    ValueError for bits that no setting comes near.
    """
    side = sorted(statistics.sides)[len(statistics.sides) // 4]
    stride, resolution = _stride(min(side, MAX_SIDE), bits)
    cells = (resolution // stride) ** 2
    quantizer, size = _quantizer(bits, cells, resolution)
    channels = 1 if statistics.grey else 3
    large = resolution > LARGE
    pixels = {"l1": 2.0, "perceptual": 0.5} if large and perceptual and not statistics.grey else {"reconstruction": 1.0}
    latent_dim = min(256, channels * stride**2)
    rate = 1e-3 if large else 3e-3
    return Recipe(
        name=f"{dataset}-{quantizer['name']}-{size if quantizer['name'] == 'rvq' else f'{size}x{latent_dim}'}",
        dataset=dataset,
        quantizer=quantizer,
        autoencoder=network(stride),
        channels=channels,
        resolution=resolution,
        crop=LARGE if large else 0,
        flip=large,
        latent_dim=latent_dim,
        weights={**pixels, "codebook": WEIGHTS["codebook"], "commitment": WEIGHTS["commitment"]},
        optimizer="muon",
        learning_rate=0.005,
        rates=Rates(vectors=rate, projections=rate, codebooks=rate),
        batch_size=16,
    )


def network(stride: int) -> Settings:
    """Return the settings of a `patch` autoencoder of this stride, narrower at the finer scales."""
    stem = max(2, stride // 4)
    scales = round(math.log2(stride // stem)) + 1
    return {"name": "patch", "stem": stem, "widths": (64, 96, 128)[-scales:], "blocks": 2}


def _stride(side: int, bits: int) -> tuple[int, int]:
    """Return the stride, and the resolution as a multiple of it."""
    side = max(side, MIN_SIDE)
    fitting = [(stride, side - side % stride) for stride in STRIDES if side >= 2 * stride]
    for stride, resolution in fitting:
        if bits >= _FEWEST_BITS * (resolution // stride) ** 2:
            return stride, resolution
    return fitting[-1]


def _quantizer(bits: int, cells: int, resolution: int) -> tuple[Settings, str]:
    """Return the quantizer whose bits are the nearest, and its size as names have it."""
    cell = bits / cells
    most = cells * _MOST_LEVELS * _LEVEL_BITS
    if cell < 0.75 or bits > most:
        raise ValueError(
            f"bits={bits}: expected from {cells} to {most:,} for images of {resolution} x {resolution} pixels; recipes "
            "of other rates can be had with --like"
        )
    levels = 1 if cell <= _ONE_CODEBOOK else math.ceil(cell / _LEVEL_BITS)
    size = 2 ** max(1, round(cell / levels))
    if levels == 1:
        return {"name": "ema", "codebook_size": size}, str(size)
    return {"name": "rvq", "levels": levels, "codebook_size": size}, f"{levels}x{size}"


def true_bits(recipe: Recipe) -> float:
    """Return the true bits of an image of the recipe's resolution."""
    import torch

    from vqzoo.tokenizer import Tokens

    tokenizer = recipe.build().eval()
    images = torch.zeros(1, recipe.channels, recipe.resolution, recipe.resolution)
    tokens: Tokens = tokenizer.encode(images)
    return float(tokenizer.bits(tokens)[0])
