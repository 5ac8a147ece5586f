"""The sequences that a prior learns from, and its batches: a function of the seed and the step alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainers.priors.recipe import PriorRecipe
from vqzoo.tokens.sequences import Sequences
from vqzoo.tokens.token_set import TokenSet

_ROWS = 1024


@dataclass(frozen=True)
class PriorData:
    """The sequences (n, length) of the images to learn from and of those held out."""

    train: Tensor
    held_out: Tensor


def divide(recipe: PriorRecipe, sequences: Tensor) -> PriorData:
    """Return sequences (n, length) with `recipe.held_out` of them, drawn at random, apart."""
    if recipe.held_out >= len(sequences):
        raise ValueError(f"held_out={recipe.held_out}: the token set has {len(sequences)} images; expected fewer")
    order = torch.from_numpy(np.random.default_rng(recipe.seed).permutation(len(sequences)))
    return PriorData(sequences[order[recipe.held_out :]], sequences[order[: recipe.held_out]])


def read_sequences(tokens: TokenSet) -> Tensor:
    """Return the sequences (n, length) of all images of a token set, in a narrow type."""
    dtype = torch.int16 if tokens.sequences.vocabulary_size <= 2**15 else torch.int32
    parts = [range(start, min(start + _ROWS, len(tokens))) for start in range(0, len(tokens), _ROWS)]
    return torch.cat([torch.stack([row["input_ids"] for row in tokens.__getitems__(part)]).to(dtype) for part in parts])


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
