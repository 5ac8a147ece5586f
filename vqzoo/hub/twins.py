"""Pairs of models that differ only in their positional encoding, called twins."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from vqzoo.hub.registry import Model

_OWN = {"name", "position", "place"}
"""Fields of a training recipe in which twins can differ."""


def has_encoding(model: Model) -> bool:
    """Return whether a model has a positional encoding."""
    return bool(model.config["position"]["name"] != "none")


def twins(models: Sequence[Model]) -> list[tuple[Model, Model]]:
    """Return all pairs of twins, sorted by name; pairs with a model without encoding come first and start with it.

    Twins share data set, network, quantizer and training recipe. Recipes are compared in the fields that both have, as
    older ones lack some. Models without a recorded training have no twins.
    """
    ordered = sorted((model for model in models if model.trained), key=lambda model: (has_encoding(model), model.name))
    return [(one, two) for one, two in combinations(ordered, 2) if _are_twins(one, two)]


def _are_twins(one: Model, two: Model) -> bool:
    first, second = (model.metrics["training"]["recipe"] for model in (one, two))
    return (
        _position(one) != _position(two)
        and one.metrics["dataset"] == two.metrics["dataset"]
        and {**one.config, "position": None} == {**two.config, "position": None}
        and all(first[field] == second[field] for field in (first.keys() & second.keys()) - _OWN)
    )


def _position(model: Model) -> dict[str, Any]:
    return {"place": "decoder", **model.config["position"]}
