"""Twins differ in their positional encoding and in nothing else."""

import random
from pathlib import Path
from typing import Any

import pytest

from vqzoo.hub.registry import Model, list_models
from vqzoo.hub.twins import has_encoding, twins


def model(
    name: str, position: str = "none", config: Any = None, recipe: Any = None, dataset: str = "cifar10", **encoding: Any
) -> Model:
    settings = {"name": position, "dim": 8} | ({"grid": 4} if position != "none" else {}) | encoding
    parts = {"resolution": 32, "autoencoder": {"name": "conv"}, "quantizer": {"name": "vq", "dim": 8}}
    training = {"name": name, "position": position, "dataset": "cifar10", "steps": 100, "seed": 42} | (recipe or {})
    metrics = {"dataset": dataset, "training": {"recipe": training}}
    return Model(name, Path(name), parts | {"position": settings} | (config or {}), metrics)


def names(models: list[Model]) -> list[tuple[str, str]]:
    return [(one.name, two.name) for one, two in twins(models)]


FAMILY = [model("a-sinusoidal", "sinusoidal"), model("a"), model("a-learned", "learned")]


def test_a_family_of_three_has_three_pairs_those_without_an_encoding_first():
    assert names(FAMILY) == [("a", "a-learned"), ("a", "a-sinusoidal"), ("a-learned", "a-sinusoidal")]
    assert names([*FAMILY[::2], model("z")]) == [
        ("z", "a-learned"),
        ("z", "a-sinusoidal"),
        ("a-learned", "a-sinusoidal"),
    ]


def test_the_order_of_the_models_is_of_no_account():
    for seed in range(5):
        assert names(random.Random(seed).sample(FAMILY, 3)) == names(FAMILY)


def test_the_place_of_an_encoding_alone_makes_twins():
    decoder = model("a-sinusoidal", "sinusoidal", recipe={"place": "decoder"}, place="decoder")
    both = model("a-sinusoidal-both", "sinusoidal", recipe={"place": "both"}, place="both")
    assert names([both, decoder]) == [("a-sinusoidal", "a-sinusoidal-both")]
    assert names([FAMILY[0], decoder]) == [], "without a place it is the decoder's: nothing differs"


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "flowers"},
        {"recipe": {"dataset": "flowers"}},
        {"recipe": {"steps": 99}},
        {"recipe": {"seed": 43}},
        {"config": {"resolution": 64}},
        {"config": {"autoencoder": {"name": "conv", "stride": 8}}},
        {"config": {"quantizer": {"name": "cvq", "dim": 8}}},
    ],
    ids=str,
)
def test_whatever_else_differs_they_are_no_twins(other):
    plain = model("a")
    assert names([plain, model("a-sinusoidal", "sinusoidal")])
    assert not names([plain, model("a-sinusoidal", "sinusoidal", **other)])


def test_models_without_encodings_are_no_twins():
    assert names([model("a"), model("b")]) == []


def test_a_recipe_from_before_a_field_existed_is_compared_in_the_others():
    newer = model("a-sinusoidal", "sinusoidal", recipe={"place": "decoder", "crop": 0})
    assert names([model("a"), newer]) == [("a", "a-sinusoidal")]
    assert names([model("a", recipe={"crop": 128}), newer]) == []


def test_the_shipped_twins_are_found():
    actual = twins(list_models())
    assert ("cifar10-cvq-1024x128", "cifar10-cvq-1024x128-sinusoidal") in [(one.name, two.name) for one, two in actual]
    for one, two in actual:
        assert has_encoding(two) and one.metrics["training"]["images"] == two.metrics["training"]["images"], (one, two)
