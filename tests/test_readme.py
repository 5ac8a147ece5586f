"""What the README and the pages of docs/ say is so."""

import re
import runpy
from pathlib import Path

import pytest
import torch

from trainers.recipes import RECIPES
from vqzoo.files.remote import CARD
from vqzoo.hub.card import model_card
from vqzoo.hub.registry import Model, list_models

ROOT = Path(__file__).parents[1]
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
}
README = PAGES["README.md"]
DRAW = runpy.run_path(str(ROOT / "docs" / "draw.py"))


def test_it_is_short():
    assert len(README.splitlines()) <= 120 and len(README.split()) <= 1200


def test_the_tables_are_drawn_from_the_cards():
    assert DRAW["with_choices"](README) == README, "run: python docs/draw.py"
    assert DRAW["with_tables"](PAGES["docs/zoo.md"]) == PAGES["docs/zoo.md"], "run: python docs/draw.py"


def test_what_to_take_has_the_lowest_lpips_that_the_bits_allow():
    def model(name: str, bits: float, lpips: float | None, psnr: float = 20) -> Model:
        metrics = {"bits_per_image": bits, "lpips": lpips, "psnr": psnr}
        return Model(name, Path(name), {}, {"dataset": "a", "metrics": metrics})

    def codec(name: str, bits: int, lpips: float, met: float = 1) -> dict:
        metrics = {"bits_per_image": bits - 1, "lpips": lpips, "psnr": 30, "met": met}
        return {"codec": name, "dataset": "a", "resolution": 32, "bits": bits, "metrics": metrics}

    models = [model("far", 640, 0.3), model("near", 640, 0.2), model("dear", 641, 0.1), model("dark", 1, None)]
    codecs = [codec("JPEG", 640, 0.15, met=0.9), codec("WebP", 4096, 0.05), codec("AVIF", 4096, 0.06)]
    heads, _, low, high = DRAW["choices"](models, codecs).splitlines()
    assert low == (
        "| a, 32 x 32 | 0.625 | [near](model_cards/near/README.md) | 20.00 | 0.2000 | no codec has so few bits |"
    )
    assert high == "| a, 32 x 32 | 4 | WebP | 30.00 | 0.0500 | [dear](model_cards/dear/README.md): 20.00 dB, 0.1000 |"
    assert heads.count("|") == low.count("|")


def test_the_examples_run():
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {"images": torch.rand(2, 3, 40, 32) * 2 - 1}
    exec(block, names)
    assert names["images"].shape == (2, 3, 40, 32)
    blocks = re.findall(r"```python\n(.*?)```", PAGES["docs/python.md"], re.DOTALL)
    assert len(blocks) == 2
    names = {"images": torch.rand(2, 3, 40, 32) * 2 - 1}
    exec(blocks[0], names)
    assert names["images"].shape == (2, 3, 40, 32)
    names = {"latents": torch.randn(2, 8, 8, 128), "loss": torch.zeros(())}
    exec(blocks[1], names)
    assert names["latents"].shape == (2, 8, 8, 128)
    assert names["quantized"].indices.shape == (2, 16, 16, 32)


@pytest.mark.parametrize("name", ["docs/training.md", "docs/architecture.md"])
def test_the_examples_of_other_pages_run(name):
    names = {"z": torch.randn(1, 4, 4, 128)}
    exec("from vqzoo.quantizers import build", names)
    for block in re.findall(r"```python\n(.*?)```", PAGES[name], re.DOTALL):
        exec(block, names)


@pytest.mark.parametrize("name", PAGES)
def test_what_it_names_exists(name):
    for recipe in re.findall(r"trainers/train\.py ([a-z][\w-]+-[\w-]+)", PAGES[name]):
        assert recipe in RECIPES
    added = {"vqzoo/quantizers/cityblock.py"}  # by the example of CONTRIBUTING.md
    for path in re.findall(r"`((?:vqzoo|trainers|tests|docs|benchmarks|spaces)/[\w./]*)`", PAGES[name]):
        assert (ROOT / path).exists() or path in added, path


def test_every_card_is_whole():
    for model in list_models():
        files = {path.name for path in model.source.iterdir()}
        assert files - {"map.json", "neighbours.safetensors"} == {
            "README.md",
            "config.json",
            "metrics.json",
            "model.safetensors",
            "usage.json",
        }
        assert model.metrics["name"] == model.name
        card = (model.source / CARD).read_text(encoding="utf-8")
        assert card == model_card(model.metrics, model.config), "run: python docs/draw.py"
        assert model.metrics["metrics"]["bits_per_image"] > 0
