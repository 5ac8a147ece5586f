"""Which models are twins: equal in everything but their positional encoding."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from vqzoo.hub.registry import Model

_OWN = {"name", "position", "place"}
"""Fields of a training recipe in which twins may differ."""


def has_encoding(model: Model) -> bool:
    """Whether a model has a positional encoding."""
    return model.config["position"]["name"] != "none"


def twins(models: Sequence[Model]) -> list[tuple[Model, Model]]:
    """Every pair of twins once, by name: first the pairs of a model without an encoding, which leads, and one with.

    A model that comes without a metrics.json has none, as nobody knows its recipe.
    They share data set, network, quantizer and training recipe. Recipes are compared in the fields that both have:
    an older one lacks those that were added later.
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
