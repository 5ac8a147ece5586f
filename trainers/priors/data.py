"""What a prior learns from, and its batches: a function of the seed and the step alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainers.data.memory import load_images
from trainers.priors.recipe import PriorRecipe
from vqzoo.generation.prior import Generators
from vqzoo.hub.registry import find, load
from vqzoo.tokens.manifest import Source
from vqzoo.tokens.sequences import Sequences
from vqzoo.tokens.token_set import TokenSet

_ROWS = 1024
_COMPARED = 16
"""Images that are tokenized again, to see that they are those of a token set."""


@dataclass(frozen=True)
class Rows:
    """Sequences (n, length) of images and, where the prior learns from them too, the images (n, c, h, w) uint8."""

    sequences: Tensor
    images: Tensor | None = None

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, rows: Tensor | slice) -> "Rows":
        return Rows(self.sequences[rows], None if self.images is None else self.images[rows])


@dataclass(frozen=True)
class Batch:
    """Rows, sequences int64, with random numbers for each."""

    rows: Rows
    generators: Generators


@dataclass(frozen=True)
class PriorData:
    """The images to learn from and those held out."""

    train: Rows
    held_out: Rows


def divide(recipe: PriorRecipe, rows: Rows) -> PriorData:
    """Return rows with `recipe.held_out` of them, drawn at random, apart."""
    if recipe.held_out >= len(rows):
        raise ValueError(f"held_out={recipe.held_out}: the token set has {len(rows)} images; expected fewer")
    order = torch.from_numpy(np.random.default_rng(recipe.seed).permutation(len(rows)))
    return PriorData(rows[order[recipe.held_out :]], rows[order[: recipe.held_out]])


def read_rows(tokens: TokenSet, dataset: str = "") -> Rows:
    """Return all images of a token set: their sequences, in a narrow type, and with a data set the images themselves.

    Raises ValueError where the images of the data set's split of that name are not those that were tokenized.
    """
    dtype = torch.int16 if tokens.sequences.vocabulary_size <= 2**15 else torch.int32
    parts = [range(start, min(start + _ROWS, len(tokens))) for start in range(0, len(tokens), _ROWS)]
    sequences = torch.cat(
        [torch.stack([row["input_ids"] for row in tokens.__getitems__(part)]).to(dtype) for part in parts]
    )
    return Rows(sequences, _images(tokens, dataset) if dataset else None)


def batch(recipe: PriorRecipe, data: PriorData, sequences: Sequences, step: int, rank: int, processes: int) -> Batch:
    """Return the batch of one process for the step after `step` earlier ones.

    Each epoch has an order of its own; the class of a share `recipe.drop_class` of the images is left out.
    """
    images, size = len(data.train), recipe.batch_size
    positions = np.arange(step * size, (step + 1) * size)
    numbers = np.empty(size, dtype=np.int64)
    for epoch in np.unique(positions // images):
        order = np.random.default_rng([recipe.seed, 1, epoch]).permutation(images)
        inside = positions // images == epoch
        numbers[inside] = order[positions[inside] % images]
    chosen = data.train[torch.from_numpy(numbers)]
    shown = chosen.sequences.long()
    if sequences.classes:
        dropped = np.random.default_rng([recipe.seed, 2, step]).random(size) < recipe.drop_class
        shown[torch.from_numpy(dropped), 1] = sequences.pad
    generators = [np.random.default_rng([recipe.seed, 3, position]) for position in positions.tolist()]
    return Batch(Rows(shown, chosen.images)[rank::processes], generators[rank::processes])


def with_weights(tokens: TokenSet) -> Sequences:
    """Return the sequences of a token set with its tokenizer, loaded; ValueError if that has other weights now."""
    made_by = tokens.manifest["tokenizer"]
    if Source.of(made_by["name"], *find(made_by["name"])).sha256 != made_by["sha256"]:
        raise ValueError(f"{made_by['name']} has other weights than made the token set: tokenize the images anew")
    return Sequences(load(made_by["name"]), tokens.size, tokens.order, tokens.classes)


def _images(tokens: TokenSet, dataset: str) -> Tensor:
    made, first = tokens.manifest["preprocessing"], slice(_COMPARED)
    if made["views"] != ["whole"]:
        raise ValueError(f"views {', '.join(made['views'])}: images go with a token set of whole images alone")
    images = load_images(dataset, tokens.split, made["side"], made["channels"], fit=made["fit"])
    if len(images) != len(tokens):
        raise ValueError(f"{dataset}, split {tokens.split}: {len(images)} images; the token set has {len(tokens)}")
    grids = zip(with_weights(tokens).tokenizer.encode(images[first]).grids, tokens.tokens(first).grids, strict=True)
    if any((ours != theirs).float().mean() > 0.1 for ours, theirs in grids):  # rounding may change one
        raise ValueError(f"{dataset}, split {tokens.split}: other images than those of the token set")
    return images
