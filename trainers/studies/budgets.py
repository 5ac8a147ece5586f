"""How long a row of a study is trained: the constants, whose derivation is in docs/studies/README.md."""

from dataclasses import replace
from typing import Any

from trainers.recipe import Recipe

_SMALL_IMAGES: dict[str, Any] = {"steps": 300, "batch_size": 64, "learning_rate": 1e-3, "warmup": 30}
SHORT: dict[str, dict[str, Any]] = {
    "looc": _SMALL_IMAGES,
    "adaptive": _SMALL_IMAGES,
    "rvq": _SMALL_IMAGES,
    "vqgan": {
        **{"steps": 300, "batch_size": 4, "learning_rate": 6e-4, "warmup": 20},
        **{"crop": 128, "held_out": 64, "start_from": "flowers-none-256"},
    },
}
"""Study -> fields of a recipe at budget short, alike for all of the study's rows on all data sets.

Photographs of 256 x 256 take too long to learn from nothing: a quantizer is put into the zoo's plain autoencoder.
"""
_LONGER = {"steps": 6_000, "batch_size": 256, "learning_rate": 1e-3, "warmup": 100}
LONG: dict[str, dict[str, Any]] = {"looc": _LONGER, "adaptive": _LONGER, "rvq": _LONGER}
"""The same at budget long, which has a GPU do 80 times as much: a sixteenth of the papers' epochs on CIFAR-10."""
SHORT_EVALUATIONS = 5
"""Over the run: points of the curves, and moments that the best checkpoint is chosen from."""
LONG_EVALUATIONS = 10
FULL_EVALUATIONS = 50
_SHORTER = {"short": (SHORT, SHORT_EVALUATIONS), "long": (LONG, LONG_EVALUATIONS)}


def budgeted(recipe: Recipe, study: str, budget: str, seed: int) -> Recipe:
    """A recipe at a budget: with the fields of `SHORT` or `LONG`, its cosine over their length; full: the recipe's.

    Nothing else changes, but that a temperature which a recipe lets fall over its length falls over as large a part of
    the shorter one. Raises ValueError for another budget, and for one that the study does not have.
    """
    if budget == "full":
        return replace(recipe, evaluate_every=max(1, recipe.steps // FULL_EVALUATIONS), seed=seed)
    if budget not in _SHORTER:
        raise ValueError(f"budget={budget!r}: expected short, long or full")
    fields_of, evaluations = _SHORTER[budget]
    if study not in fields_of:
        raise ValueError(f"study {study!r} has no budget {budget}; expected short or full")
    return _shortened(recipe, fields_of[study], evaluations, seed)


def _shortened(recipe: Recipe, fields: dict[str, Any], evaluations: int, seed: int) -> Recipe:
    """A recipe with these fields, "steps" among them, in place of its own."""
    quantizer = dict(recipe.quantizer)
    if isinstance(anneal := quantizer.get("anneal_steps"), int):
        quantizer["anneal_steps"] = max(1, round(anneal * fields["steps"] / recipe.steps))
    every = fields["steps"] // evaluations
    return replace(recipe, **fields, quantizer=quantizer, accumulate=1, evaluate_every=every, seed=seed)
