"""Draw images with a prior and its tokenizer."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from vqzoo.generation.prior import Sampling
from vqzoo.generation.store import Loaded, load_prior
from vqzoo.ops.check import check_choice, check_int


def generate(
    prior: str | Path | Loaded,
    images: int,
    label: str | Sequence[str] | None = None,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    guidance: float = 1.0,
    seed: int = 0,
    device: str | torch.device = "cpu",
    batch_size: int = 64,
) -> Tensor:
    """Draw images with a prior.

    The i-th image of a seed is the same for any number of images, on a CPU.

    Args:
        prior: a name in the folder of models, a folder, a Hub id, or what `load_prior` returned.
        images: how many.
        label: the class of all images, or of each, for a prior that knows classes; None: no class.
        temperature: divides the logits; 0 takes the likeliest token.
        top_k: draw among this many of the likeliest tokens only; 0: all.
        top_p: draw among the likeliest tokens that together have this probability.
        guidance: strength of classifier-free guidance; 1: none.
        seed: of the random numbers.
        device: where to compute.
        batch_size: number of images to draw at once.

    Returns:
        images (n, c, height, width) in [-1, 1], on `device`.

    Raises ValueError for an unknown prior or class, and for settings out of their ranges.
    """
    sampling = Sampling(temperature, top_k, top_p, guidance, seed)
    loaded = prior if isinstance(prior, Loaded) else load_prior(prior)
    network, tokenizer = loaded.prior.to(device), loaded.tokenizer.to(device)
    check_int("images", images, 1, 2**20)
    if label is not None and not loaded.classes:
        raise ValueError(f"label={label!r}: this prior knows no classes; expected none")
    tokens = network.sample(classes_of(loaded, images, label) if loaded.classes else images, sampling, batch_size)
    parts = [tokens[start : start + batch_size] for start in range(0, images, batch_size)]
    return torch.cat([tokenizer.decode(part) for part in parts])


def classes_of(loaded: Loaded, images: int, label: str | Sequence[str] | None) -> Tensor:
    """Return the class (n,) of each image, -1 for none, given names; ValueError for a name that is not known."""
    if label is None:
        return torch.full((images,), -1)
    names = [label] * images if isinstance(label, str) else list(label)
    if len(names) != images:
        raise ValueError(f"label: {len(names)} names; expected one, or one for each of {images} images")
    return torch.tensor([loaded.classes.index(check_choice("label", name, loaded.classes)) for name in names])
