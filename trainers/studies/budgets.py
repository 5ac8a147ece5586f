"""How long the rows of a study are trained; docs/studies/README.md derives these constants."""

from dataclasses import replace
from typing import Any

from trainers.recipes import cifar10
from trainers.recipes.recipe import Rates, Recipe

_SMALL_IMAGES = ("looc", "adaptive", "rvq")
SHORT: dict[str, dict[str, Any]] = dict.fromkeys((*_SMALL_IMAGES, "vqgan"), {"steps": 1_600})
"""Study -> fields of a recipe at budget short, the same for all rows and data sets of a study: 25,600 small images, or
as many crops of photographs."""
LONG: dict[str, dict[str, Any]] = dict.fromkeys(_SMALL_IMAGES, {"steps": cifar10.STEPS})
"""The same at budget long: as many images as the zoo's models see, 204,800."""
_TRAIN_IMAGES = {"cifar10": 50_000, "mnist": 60_000, "fashion_mnist": 60_000}
_EPOCHS = 500
_FULL: dict[str, Any] = {"optimizer": "adam", "learning_rate": 3e-4, "rates": Rates(), "batch_size": 256, "warmup": 100}
"""Optimizer, learning rate and batch size of the CVQ-VAE and LooC tables, which have 500 epochs."""
SHORT_EVALUATIONS = 5
"""Held-out evaluations of a run: the points of its curves, and the candidates for the best checkpoint."""
LONG_EVALUATIONS = 8
FULL_EVALUATIONS = 50


def budgeted(recipe: Recipe, study: str, budget: str, seed: int) -> Recipe:
    """Return a recipe at a budget: short and long have the fields above, full has the papers' optimizer and epochs.

    Annealing of a temperature is scaled to the number of steps; other fields stay. Raises ValueError for an unknown
    budget, and for one that the study does not have.
    """
    if budget not in ("short", "long", "full"):
        raise ValueError(f"budget={budget!r}: expected short, long or full")
    if budget == "full":
        return _lengthened(recipe, full_fields(recipe, study), FULL_EVALUATIONS, seed)
    fields_of, evaluations = (SHORT, SHORT_EVALUATIONS) if budget == "short" else (LONG, LONG_EVALUATIONS)
    if study not in fields_of:
        raise ValueError(f"study {study!r} has no budget {budget}; expected short or full")
    return _lengthened(recipe, fields_of[study], evaluations, seed)


def full_fields(recipe: Recipe, study: str) -> dict[str, Any]:
    """Return the fields of a recipe at the study's own length; recipes of photographs have that length already."""
    if study == "vqgan":
        return {"steps": recipe.steps}
    rate = 1e-3 if study == "rvq" else _FULL["learning_rate"]
    steps = _EPOCHS * (_TRAIN_IMAGES[recipe.dataset] - recipe.held_out) // _FULL["batch_size"]
    return _FULL | {"learning_rate": rate, "steps": steps}


def full_images(recipe: Recipe, study: str) -> int:
    """Return the number of images that a row sees at budget full."""
    return budgeted(recipe, study, "full", recipe.seed).images


def _lengthened(recipe: Recipe, fields: dict[str, Any], evaluations: int, seed: int) -> Recipe:
    """Return a recipe with these fields, which include "steps", and its annealing scaled to the new length."""
    quantizer = dict(recipe.quantizer)
    if isinstance(anneal := quantizer.get("anneal_steps"), int):
        quantizer["anneal_steps"] = max(1, round(anneal * fields["steps"] / recipe.steps))
    every = max(1, fields["steps"] // evaluations)
    return replace(recipe, **fields, quantizer=quantizer, accumulate=1, evaluate_every=every, seed=seed)
