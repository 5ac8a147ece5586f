"""docs/quantizers.md is what docs/quantizers.py makes of the code and of its tests."""

import runpy
from pathlib import Path

import pytest
import torch

from vqzoo.ops.flops import FlopCounterMode
from vqzoo.ops.lookup import highest
from vqzoo.quantizers import QUANTIZERS

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "docs" / "quantizers.py"))
MARKS = SCRIPT["marks"]()
NUMBERS = [*range(1, 29), *range(33, 36), *range(37, 41)]


@pytest.fixture(scope="module")
def page() -> str:
    return SCRIPT["page"](MARKS)


def test_the_page_is_what_the_code_says(page):
    assert (ROOT / "docs" / "quantizers.md").read_text(encoding="utf-8") == page, "run: python docs/quantizers.py"


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_quantizer_says_what_it_does(page, name):
    text = SCRIPT["described"](QUANTIZERS[name])
    assert text.keys() == {"Method", "Equation", "Learns", "Collapses"} and all(text.values())
    assert text["Method"].endswith(".") and ": " in text["Method"]
    _, section = page.split(f"\n## {name}\n")
    assert f"```\n{text['Equation']}\n```" in section.split("\n## ")[0]
    assert f"\n| [{name}](#{name}) | " in page


@pytest.mark.parametrize("number", NUMBERS)
def test_every_trap_has_a_name_and_a_test(number):
    assert SCRIPT["TRAPS"][f"T{number}"]
    assert any(mark.trap == f"T{number}" for mark in MARKS)


def test_markers_name_known_traps_and_quantizers():
    assert SCRIPT["TRAPS"].keys() == {f"T{number}" for number in NUMBERS}
    for mark in MARKS:
        assert mark.trap in SCRIPT["TRAPS"], mark
        assert set(mark.quantizers) <= QUANTIZERS.keys(), mark


SOURCE = """
import pytest

SOME = [{"name": "rvq"}, {"name": "rq"}]
NAMES: list[str] = [case["name"] for case in SOME]

@pytest.mark.trap("T3", "vq", *NAMES, "rq")
@pytest.mark.parametrize("n", [1])
@pytest.mark.trap("T9")
def test_one(n): ...

class TestTwo:
    @pytest.mark.trap("T8", *(case["name"] for case in SOME))
    def test_two(self): ...

@other.mark.trap("T1", "vq")
def test_three(): ...
"""


def test_markers_are_read_without_running_the_tests(tmp_path):
    file = tmp_path / "tests" / "ops" / "test_a.py"
    actual = list(SCRIPT["marks_in"](SOURCE, file, tmp_path / "tests"))
    assert [tuple(mark) for mark in actual] == [
        ("T3", ("vq", "rvq", "rq"), "tests/ops/test_a.py", "test_one"),
        ("T9", (), "tests/ops/test_a.py", "test_one"),
        ("T8", ("rvq", "rq"), "tests/ops/test_a.py", "test_two"),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Name, tokens, bits, numbers in codebooks, other numbers, multiply-adds to encode and to decode, by hand.
        ("vq", (1, "10", 1024 * 128, 0, 1024 * 128, 0)),
        ("rvq", (8, "64", 8 * 256 * 128, 0, 8 * 256 * 128, 0)),
        ("rq", (8, "64", 256 * 128, 0, 8 * 256 * 128, 0)),
        ("looc", (32, "256", 256 * 4, 0, 32 * 256 * 4, 0)),
        ("factorized", (1, "10", 1024 * 32, 128 * 32 + 32 + 32 * 128 + 128, 128 * 32 + 1024 * 32, 32 * 128)),
        ("gumbel", (1, "10", 1024 * 128, 1024 * 128 + 1024, 1024 * 128, 0)),
        ("lfq", (1, "10", 0, 128 * 10 + 10 + 10 * 128 + 128, 128 * 10, 10 * 128)),
        ("none", (128, "4,096", 0, 0, 0, 0)),
    ],
)
def test_figures_by_hand(name, expected):
    assert SCRIPT["facts"](name)[:6] == expected


def test_the_rate_of_adaptive_is_a_range():
    """Three bits for the choice among eight codebooks, 9 to 16 for the codevector."""
    assert SCRIPT["facts"]("adaptive").bits == "12 to 19"


def test_every_product_of_the_search_is_counted():
    with FlopCounterMode(display=False) as counter:
        highest(torch.randn(1000, 8), torch.randn(3000, 8))
    assert counter.get_total_flops() == 2 * 1000 * 3000 * 8
