"""Building by name and the checks of what a user passes in."""

import pytest

from vqzoo.ops.build import build_from
from vqzoo.ops.check import check_choice, check_fraction, check_int


class Cake:
    def __init__(self, layers: int, icing: str = "plain"):
        self.layers, self.icing = layers, icing


TABLE = {"cake": Cake}


def test_config_holds_the_name_and_every_setting():
    cake = build_from(TABLE, "pastry", "cake", {"layers": 2})
    assert cake.config == {"name": "cake", "layers": 2, "icing": "plain"}


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("cakes", {"layers": 2}, r"pastry='cakes': did you mean 'cake'\?"),
        ("cake", {"layer": 2}, r"setting of pastry 'cake'='layer': did you mean 'layers'\?"),
        ("cake", {}, "pastry 'cake': missing a required argument: 'layers'"),
        (["cake"], {}, "known: cake"),
        (None, {}, "known: cake"),
    ],
)
def test_what_is_unknown_or_missing_is_named(name, settings, message):
    with pytest.raises(ValueError, match=message):
        build_from(TABLE, "pastry", name, settings)


def test_whole_numbers_from_the_lowest_to_the_highest():
    assert [check_int("n", value, 1, 3) for value in (1, 2, 3)] == [1, 2, 3]
    for wrong in (0, 4, -1, 2.0, "2", True, None, [2], float("nan"), 10**9):
        with pytest.raises(ValueError, match="n=.*: expected a whole number from 1 to 3"):
            check_int("n", wrong, 1, 3)


def test_fractions_from_zero_up_to_but_not_one():
    assert [check_fraction("x", value) for value in (0, 0.5, 0.999)] == [0.0, 0.5, 0.999]
    for wrong in (1, 1.0, -0.1, "0.5", True, False, None, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="x=.*: expected a number from 0 up to"):
            check_fraction("x", wrong)


MANY = [f"apple-{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("value", "choices", "message"),
    [
        ("zzz", ["apple", "pear"], "fruit='zzz': known: apple, pear"),
        ("aple", ["apple", "pear"], "fruit='aple': did you mean 'apple' or 'pear'? known: apple, pear"),
        ("apple-33", MANY, "fruit='apple-33': did you mean 'apple-3' or 'apple-13' or 'apple-9'?"),
        ("zzz", MANY, "fruit='zzz': known: apple-0, apple-1, apple-2 and 17 more"),
        (None, MANY, "fruit=None: known: apple-0, apple-1, apple-2 and 17 more"),
        ("zzz", MANY[:8], f"fruit='zzz': known: {', '.join(MANY[:8])}"),
        ("zzz", [], "fruit='zzz': there are none"),
    ],
)
def test_what_is_unknown_gets_the_nearest_three_and_all_where_they_are_few(value, choices, message):
    with pytest.raises(ValueError) as caught:
        check_choice("fruit", value, iter(choices))
    assert str(caught.value) == message
