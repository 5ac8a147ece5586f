"""The tables of adaptive dynamic quantization (arXiv:2407.04939) on small images, a recipe for each row.

Backbone and training are those of `cifar10`. The study has a CNN with residual blocks of the same width, an unknown
number of epochs, batches of 64 and a constant learning rate of 1e-4. Its errors are sums of the mean squared error over
the 157 batches of the test split: 0.394 is 0.00251 for a pixel value, or 26.0 dB.
"""

from collections.abc import Iterator
from dataclasses import replace

from trainers.recipes import cifar10
from trainers.recipes.cifar10 import on
from trainers.recipes.looc import DATASETS
from trainers.recipes.recipe import Recipe

CAPACITY = 65536
DIMS = (128, 64, 32, 16, 8, 4, 2, 1)
"""Dimensions of a codevector in Table 1; there are CAPACITY / dimension codevectors."""


def fixed(dataset: str, code_dim: int) -> Recipe:
    """Return one codebook of CAPACITY numbers that learns by moving averages: Table 1."""
    size = CAPACITY // code_dim
    recipe = replace(
        cifar10.ema(),
        name=f"cifar10-ema-{size}x{code_dim}",
        quantizer={"name": "ema", "codebook_size": size, "start": "latents", "revival": "none"},
        latent_dim=code_dim,
    )
    return on(dataset, recipe)


def adaptive(dataset: str, capacity: int = CAPACITY) -> Recipe:
    """Return all codebooks of one capacity, among which each latent chooses: Tables 2 and 3."""
    recipe = replace(
        cifar10.adaptive(),
        name=f"cifar10-adaptive-{capacity}",
        quantizer=cifar10.adaptive().quantizer | {"capacity": capacity},
    )
    return on(dataset, recipe)


def commitment(dataset: str, weight: float) -> Recipe:
    """Return `adaptive` with another weight of the commitment loss than 0.25: the study's alpha times beta."""
    parent = adaptive(dataset)
    name = f"{parent.name}-commitment-{weight:g}"
    return replace(parent, name=name, weights=parent.weights | {"commitment": weight})


def without_ema(dataset: str) -> Recipe:
    """Return `adaptive` with codebooks that learn by gradient."""
    parent = adaptive(dataset)
    return replace(parent, name=f"{parent.name}-without-ema", quantizer=parent.quantizer | {"rule": "gradient"})


def plain(dataset: str) -> Recipe:
    """Return `adaptive` in a network without residual blocks."""
    parent = adaptive(dataset)
    return replace(parent, name=f"{parent.name}-plain-cnn", autoencoder=parent.autoencoder | {"residual_blocks": 0})


def inception(dataset: str) -> Recipe:
    """Return `plain` with two Inception blocks in encoder and decoder; the study does not say how many it has."""
    parent = plain(dataset)
    name = f"{adaptive(dataset).name}-inception"
    return replace(parent, name=name, autoencoder=parent.autoencoder | {"inception_blocks": 2})


def recipes() -> Iterator[Recipe]:
    """Yield the rows of Tables 1, 2 and 3 on three data sets."""
    for dataset in DATASETS:
        for code_dim in DIMS:
            yield fixed(dataset, code_dim)
        for capacity in (CAPACITY, 32768, 16384, 8192, 4096):
            yield adaptive(dataset, capacity)
        for weight in (0.0025, 0.05, 0.5, 0.75, 1.0, 1.25, 5.0, 10.0):
            yield commitment(dataset, weight)
        yield without_ema(dataset)
        yield plain(dataset)
        yield inception(dataset)
