"""The sequences that a prior learns from, and its batches: a function of the seed and the step alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainers.priors.recipe import PriorRecipe
from vqzoo.tokenizer import Tokens
from vqzoo.tokens.sequences import Sequences


@dataclass(frozen=True)
class PriorData:
    """The sequences (n, length) of the images to learn from and of those held out."""

    train: Tensor
    held_out: Tensor


def divide(recipe: PriorRecipe, sequences: Sequences, tokens: Tokens, labels: Tensor | None) -> PriorData:
    """Return the sequences of all images, `recipe.held_out` of them, drawn at random, apart."""
    if recipe.held_out >= len(tokens):
        raise ValueError(f"held_out={recipe.held_out}: the token set has {len(tokens)} images; expected fewer")
    flat = sequences.flatten(tokens, labels).to(_narrowest(sequences.vocabulary_size))
    order = torch.from_numpy(np.random.default_rng(recipe.seed).permutation(len(flat)))
    return PriorData(flat[order[recipe.held_out :]], flat[order[: recipe.held_out]])


def batch(recipe: PriorRecipe, data: PriorData, sequences: Sequences, step: int, rank: int, processes: int) -> Tensor:
    """Return the sequences (b, length) int64 of one process for the step after `step` earlier ones.

    Each epoch has an order of its own; the class of a share `recipe.drop_class` of the images is left out.
    """
    images, size = len(data.train), recipe.batch_size
    positions = np.arange(step * size, (step + 1) * size)
    rows = np.empty(size, dtype=np.int64)
    for epoch in np.unique(positions // images):
        order = np.random.default_rng([recipe.seed, 1, epoch]).permutation(images)
        inside = positions // images == epoch
        rows[inside] = order[positions[inside] % images]
    chosen = data.train[torch.from_numpy(rows)].long()
    if sequences.classes:
        dropped = np.random.default_rng([recipe.seed, 2, step]).random(size) < recipe.drop_class
        chosen[torch.from_numpy(dropped), 1] = sequences.pad
    return chosen[rank::processes]


def _narrowest(size: int) -> torch.dtype:
    return torch.int16 if size <= 2**15 else torch.int32
