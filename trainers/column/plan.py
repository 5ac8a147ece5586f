"""The rows of the generation column: which tokenizers have one, with which prior, and which have none and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from trainers.priors.recipe import prior_recipe
from trainers.recipes import RECIPES
from vqzoo.generation.column import FOLDER, REAL
from vqzoo.generation.table import build_prior
from vqzoo.hub.registry import list_models
from vqzoo.ops.check import check_choice
from vqzoo.tokenizer import Tokenizer
from vqzoo.tokens.sequences import Sequences

DATASETS = {"cifar10": 32, "mnist": 28, "fashion_mnist": 28}
"""Data sets of the column, and the side of their images in pixels; each has ten classes."""
CLASSES = 10
MOST_TOKENS = 1024
MOST_WEIGHTS = 1_500_000
"""Of a prior, its embeddings included."""
_WANTED = ("vq-1024x128", "ema-1024x128", "rvq-8x256", "looc-256x4", "fsq-8-5-5-5")
"""Tokenizers of MNIST and Fashion-MNIST that the column asks for."""
_FIRST = (
    "vq-1024x128 rvq-8x256 fsq-8-5-5-5 multiscale-1024x128 lfq-10 pq-8x256 cvq-1024x128 ema-1024x128 kmeans-4x1024 "
    "ibq-1024x128 rq-8x256 sq-1024x128"
).split()
"""Methods in the order of their rows: those that differ most first, so that few rows already say something."""


@dataclass(frozen=True)
class Planned:
    """A row to be measured, or one that cannot be.

    tokens: indices of an image; 0 without a model. reason: why there is no row; empty if there can be one.
    """

    tokenizer: str
    dataset: str
    prior: str
    tokens: int
    reason: str = ""

    @property
    def name(self) -> str:
        """Name of the prior and of the row."""
        return f"{self.tokenizer}-{self.prior}" if self.tokenizer else f"{self.dataset}-{REAL}"

    def done(self, folder: Path = FOLDER) -> bool:
        """Return whether the row is measured."""
        return (folder / f"{self.name}.json").is_file()


def planned(names: Sequence[str] = (), prior: str = "") -> list[Planned]:
    """Return the rows in the order in which they are measured; first the one of real images of each data set.

    names: data sets and tokenizers; default: all. prior: a name as "maskgit-small" for all rows; default: ar-small for
    tokenizers with one column of indices, ar-depth-small for those with several. Raises ValueError for unknown names.
    """
    models = {model.name: model for model in list_models() if model.metrics.get("dataset") in DATASETS}
    wanted = [f"{dataset}-{method}" for dataset in ("mnist", "fashion_mnist") for method in _WANTED]
    missing = {name: RECIPES[name]() for name in wanted if name not in models}
    for name in names:
        check_choice("row", name, [*DATASETS, *models, *missing])
    rows = []
    with torch.device("meta"):
        blank = {name: Tokenizer.from_config(model.config) for name, model in models.items()}
        untrained = {name: recipe.build() for name, recipe in missing.items()}
    for name, tokenizer in blank.items():
        rows.append(_row(name, str(models[name].metrics["dataset"]), tokenizer, prior))
    for name, tokenizer in untrained.items():
        row = _row(name, missing[name].dataset, tokenizer, prior)
        command = f"accelerate launch trainers/train.py {name}"
        rows.append(row if row.reason else replace(row, reason=f"no model yet: {command}"))
    chosen = [row for row in sorted(rows, key=_order) if not names or {row.tokenizer, row.dataset} & {*names}]
    datasets = dict.fromkeys(row.dataset for row in chosen)
    return [Planned("", dataset, "", 0) for dataset in datasets] + chosen


def _order(row: Planned) -> tuple[int, int, str]:
    method = row.tokenizer.removeprefix(f"{row.dataset}-")
    return list(DATASETS).index(row.dataset), _FIRST.index(method) if method in _FIRST else len(_FIRST), row.tokenizer


def _row(name: str, dataset: str, tokenizer: Tokenizer, prior: str) -> Planned:
    sides = (DATASETS[dataset],) * 2
    cells = zip(tokenizer.grid_sizes(sides), tokenizer.quantizers, strict=True)
    tokens = sum(height * width * len(part.index_sizes) for (height, width), part in cells)
    if tokens > MOST_TOKENS and not prior.startswith("diffusion"):  # which learns latents
        reason = f"{tokens:,} tokens an image; at most {MOST_TOKENS:,}"
        return Planned(name, dataset, prior or "ar-small", tokens, reason)
    prior = prior or prior_for(Sequences(tokenizer, sides))
    recipe = prior_recipe(prior)
    sequences = Sequences(tokenizer, sides, recipe.order, CLASSES)
    settings = dict(recipe.prior)
    with torch.device("meta"):
        network = build_prior(str(settings.pop("name")), sequences, **settings)
    weights, reason = sum(map(torch.numel, network.parameters())), ""
    if weights > MOST_WEIGHTS:
        reason = (
            f"{sequences.vocabulary_size:,} different tokens, with which a prior has {weights / 1e6:.1f} million "
            f"weights; at most {MOST_WEIGHTS / 1e6}"
        )
    return Planned(name, dataset, prior, tokens, reason)


def prior_for(sequences: Sequences) -> str:
    """Return the prior of the column for these sequences.

    Several columns in cells of one grid have a small network of their own; other sequences are flat, and so are those
    of a single cell, as of principal components of whole images.
    """
    try:
        columns = sequences.columns
    except ValueError:  # grids that differ in size
        return "ar-small"
    return "ar-depth-small" if 1 < columns < sequences.indices else "ar-small"
