"""Choose a recipe for the user's own images from their sizes and the wanted bits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trainers.recipes.recipe import Rates, Recipe, Settings

STRIDES = (4, 8, 16, 32)
MAX_SIDE = 256
MIN_SIDE = 16
LARGE = 64
"""Larger images are trained on crops of this side, and with LPIPS in the loss."""
_ONE_CODEBOOK = 13
"""Bits of a cell up to which there is a single codebook, of 8,192 codevectors at most."""
_LEVEL_BITS = 10
_MOST_LEVELS = 16
_FEWEST_BITS = 8
"""Bits of a cell below which the stride is made larger."""
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
"""Weights of quantizers' losses."""


@dataclass(frozen=True)
class ImageStatistics:
    """The shorter sides, in pixels, of a sample of the images, and whether all of these are grey."""

    sides: Sequence[int]
    grey: bool


def choose(dataset: str, statistics: ImageStatistics, bits: int) -> Recipe:
    """Return a recipe for the user's own images, whose number of steps is still to be set.

    The resolution is the lower quartile of the shorter sides, at most 256, so that few images have to be enlarged. The
    stride is the smallest at which a cell has at least 8 bits. A cell has one codebook up to 13 bits, and residual
    levels of about 10 bits each above that. The loss of large colour images has LPIPS in it. Raises ValueError for bits
    that cannot be approximated.
    """
    side = sorted(statistics.sides)[len(statistics.sides) // 4]
    stride, resolution = _stride(min(side, MAX_SIDE), bits)
    cells = (resolution // stride) ** 2
    quantizer, size = _quantizer(bits, cells, resolution)
    channels = 1 if statistics.grey else 3
    large = resolution > LARGE
    pixels = {"l1": 2.0, "perceptual": 0.5} if large and not statistics.grey else {"reconstruction": 1.0}
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
    """Return the settings of a `patch` autoencoder with this stride, narrower at finer scales."""
    stem = max(2, stride // 4)
    scales = round(math.log2(stride // stem)) + 1
    return {"name": "patch", "stem": stem, "widths": (64, 96, 128)[-scales:], "blocks": 2}


def _stride(side: int, bits: int) -> tuple[int, int]:
    """Return the stride, and the largest resolution up to `side` that is a multiple of it."""
    side = max(side, MIN_SIDE)
    fitting = [(stride, side - side % stride) for stride in STRIDES if side >= 2 * stride]
    for stride, resolution in fitting:
        if bits >= _FEWEST_BITS * (resolution // stride) ** 2:
            return stride, resolution
    return fitting[-1]


def _quantizer(bits: int, cells: int, resolution: int) -> tuple[Settings, str]:
    """Return the quantizer whose bits come nearest, and its size as part of the model's name."""
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
    """Return the true bits of an image at the recipe's resolution."""
    import torch

    from vqzoo.tokenizer import Tokens

    tokenizer = recipe.build().eval()
    images = torch.zeros(1, recipe.channels, recipe.resolution, recipe.resolution)
    tokens: Tokens = tokenizer.encode(images)
    return float(tokenizer.bits(tokens)[0])
