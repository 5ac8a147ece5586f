"""Untrained priors of images of so few tokens that all images can be listed."""

import itertools
from typing import Any

import torch

from vqzoo.generation.prior import Prior
from vqzoo.generation.table import build_prior
from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.tokens.sequences import Sequences

QUANTIZERS = {
    "vq": {"name": "vq", "codebook_size": 3, "dim": 4},
    "rvq": {"name": "rvq", "codebook_size": 2, "levels": 2, "dim": 4},
    "lfq": {"name": "lfq", "bits": 2, "dim": 4},
    "multiscale": {"name": "multiscale", "codebook_size": 2, "scales": [1, 2], "dim": 4},
}
NETWORK = {"width": 16, "depth": 2, "heads": 2}


def prior(
    quantizer: str = "vq",
    order: Any = "raster",
    classes: int = 0,
    resolution: int = 8,
    kind: str = "ar",
    network: dict[str, Any] = NETWORK,
) -> Prior:
    """A prior of images of 8 x 8 pixels, which are 2 x 2 cells; weights are large enough to matter."""
    torch.manual_seed(0)
    tokenizer = Tokenizer.from_config(
        {
            "format": 1,
            "resolution": resolution,
            "autoencoder": {"name": "conv", "stride": 4, "channels": 3, "latent_dim": 4},
            "quantizer": QUANTIZERS[quantizer],
            "position": {"name": "none", "dim": 4},
        }
    ).eval()
    model = build_prior(kind, Sequences(tokenizer, order=order, classes=classes), **network)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return model.eval()


def every_image(model: Prior) -> Tokens:
    """Return all images that there are."""
    sequences = model.sequences
    choices = [
        range(low, high + 1) for low, high in zip(sequences.lows.tolist(), sequences.highs.tolist(), strict=True)
    ]
    if sequences.classes:
        choices[1] = range(sequences.pad, sequences.pad + 1)
    return sequences.unflatten(torch.tensor(list(itertools.product(*choices))))


def shares(model: Prior, drawn: Tokens) -> torch.Tensor:
    """Return the share of each of all images, in the order of `every_image`, among those drawn."""
    drawn_, every = (torch.cat([grid.flatten(1) for grid in tokens.grids], 1) for tokens in (drawn, every_image(model)))
    return (drawn_[:, None] == every).all(2).double().mean(0)
