"""CONTRIBUTING.md adds a quantizer and a recipe that do what it says, followed word for word."""

import importlib.util
import re
import runpy
import sys
from pathlib import Path

import pytest
import torch

from tests.quantizers import test_laws as laws
from trainers.recipes import RECIPES, cifar10
from trainers.step import build_parts, train_step
from vqzoo.quantizers import QUANTIZERS, build, table

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MODULE, BUILDER, RECIPE = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
CASE = {"name": "cityblock", "dim": 128}


@pytest.fixture(autouse=True)
def added(monkeypatch, tmp_path):
    """The file, the builder and the two lines of the page, in their places until the test ends."""
    name = re.search(r"Its file is\s`vqzoo/quantizers/(\w+)\.py`", TEXT)[1]
    path = tmp_path / f"{name}.py"
    path.write_text(MODULE)
    spec = importlib.util.spec_from_file_location(f"vqzoo.quantizers.{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, spec.name, module)
    for home, code, rows, row in (
        (table, BUILDER, QUANTIZERS, r'`"(\w+)": cityblock,`'),
        (cifar10, RECIPE, RECIPES, r'`"([\w-]+)": cifar10\.cityblock,`'),
    ):
        names = dict(vars(home))
        exec(code, names)
        monkeypatch.setitem(rows, re.search(row, TEXT)[1], names["cityblock"])


def test_the_quantizer_keeps_the_laws():
    quantizer = build("cityblock", dim=2, codebook_size=2).eval()
    with torch.no_grad():
        quantizer.weight.copy_(torch.tensor([[3.0, 0.0], [2.0, 2.0]]))  # 3 and 4 from 0 by steps, 9 and 8 by squares
    assert quantizer.encode(torch.zeros(1, 1, 1, 2)).item() == 0
    for fresh in (True, False):
        laws.test_forward_gives_exactly_what_decode_makes_of_encode(CASE, fresh)
    for training in (True, False):
        laws.test_gradient_of_the_output_reaches_the_input_unchanged(CASE, training)
    for law in (
        laws.test_indices_are_whole_numbers_within_their_alphabets,
        laws.test_evaluation_changes_nothing_and_repeats_itself,
        laws.test_configuration_is_plain_and_builds_the_same_again,
        laws.test_bits_count_every_index,
    ):
        law(CASE)


def test_the_quantizer_has_a_section_of_its_own():
    script = runpy.run_path(str(ROOT / "docs" / "quantizers.py"))
    assert all(script["described"](QUANTIZERS["cityblock"]).values())
    assert script["facts"]("cityblock")[:2] == (1, "8")


def test_the_recipe_trains_and_costs_what_it_says():
    name = re.search(r'name="(cifar10-cityblock-\d+)"', RECIPE)[1]
    recipe = RECIPES[name]()
    assert recipe.name == name
    parts = build_parts(recipe, recipe.build())
    images = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    assert {"reconstruction", "codebook", "commitment"} <= train_step(parts, [images], step=0).terms.keys()
    (bits,) = re.findall(r"([\d,]+) bits an image", RECIPE)
    measured = parts.tokenizer.bits(parts.tokenizer.encode(images))
    assert [round(each) for each in measured.tolist()] == [int(bits.replace(",", ""))] * 2
