"""What the README says is so."""

import re
import runpy
from pathlib import Path

import torch

from trainers.recipes import RECIPES
from vqzoo.files.remote import CARD
from vqzoo.hub.card import model_card
from vqzoo.hub.registry import list_models
from vqzoo.quantizers import QUANTIZERS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_drawn_from_the_cards():
    draw = runpy.run_path(str(ROOT / "docs" / "draw.py"))
    assert draw["with_tables"](TEXT) == TEXT, "run: python docs/draw.py"


def test_the_examples_run():
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2
    names = {"images": torch.rand(2, 3, 40, 32) * 2 - 1}
    exec(blocks[0], names)
    assert names["images"].shape == (2, 3, 40, 32)
    names = {"latents": torch.randn(2, 8, 8, 128), "loss": torch.zeros(())}
    exec(blocks[1], names)
    assert names["latents"].shape == (2, 8, 8, 128)
    assert names["quantized"].indices.shape == (2, 16, 16, 32)


def test_what_it_names_exists():
    for recipe in re.findall(r"trainers/train\.py ([\w-]+)", TEXT):
        assert recipe in RECIPES
    for path in re.findall(r"\]\(((?:docs|model_cards)/[^)]+)\)", TEXT) + re.findall(
        r"`((?:vqzoo|trainers)/[\w./]*)`", TEXT
    ):
        assert (ROOT / path).exists(), path


def test_it_says_how_many_quantizers_there_are():
    assert f"has all {len(QUANTIZERS)} of them" in TEXT


def test_every_card_is_whole():
    for model in list_models():
        files = {path.name for path in model.source.iterdir()}
        assert files - {"map.json"} == {"README.md", "config.json", "metrics.json", "model.safetensors", "usage.json"}
        assert model.metrics["name"] == model.name
        card = (model.source / CARD).read_text(encoding="utf-8")
        assert card == model_card(model.metrics, model.config), "run: python docs/draw.py"
        assert model.metrics["metrics"]["bits_per_image"] > 0
