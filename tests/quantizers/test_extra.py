"""One file and one line add a quantizer: everything that asks about quantizers finds it, a leaf and a composite."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from vqzoo.analysis.cost import cost
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.cli import main
from vqzoo.files.storage import write_json
from vqzoo.hub.model import read_model
from vqzoo.hub.registry import CARDS_VARIABLE
from vqzoo.quantizers import QUANTIZERS, build
from vqzoo.quantizers.cost import Book
from vqzoo.tokenizer import Tokenizer
from vqzoo.views.codebook_map import map_value
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Engine
from vqzoo.views.inspector import Inspector
from vqzoo.views.rate import Rates

from ..hub.conftest import RECORD
from .extra_composite import interleaved
from .extra_leaf import cityblock

EXTRA = {"cityblock": cityblock, "interleaved": interleaved}
DIM = 8
BOOKS = {"cityblock": (Book(16, DIM),), "interleaved": (Book(32, DIM // 2), Book(16, DIM // 2))}
SEARCH = {"cityblock": 16 * DIM, "interleaved": 48 * DIM // 2}
"""Multiplications a latent."""


@pytest.fixture(autouse=True, params=EXTRA)
def name(request, monkeypatch) -> str:
    monkeypatch.setitem(QUANTIZERS, request.param, EXTRA[request.param])  # the one line
    return request.param


@pytest.fixture
def folder(name, tmp_path, monkeypatch) -> Path:
    """A card of a model with that quantizer."""
    folder = tmp_path / f"toy-{name}"
    folder.mkdir()
    autoencoder = build_autoencoder("conv", latent_dim=DIM, stride=4, width=4, residual_width=2, residual_blocks=0)
    Tokenizer(autoencoder, build(name, dim=DIM), build_position("none", dim=DIM), 32).save(folder)
    write_json(folder / "metrics.json", {**RECORD, "name": folder.name})
    monkeypatch.setenv(CARDS_VARIABLE, str(tmp_path))
    return folder


@torch.inference_mode()
def test_the_walk_and_the_cost(name):
    quantizer, latents = build(name, dim=DIM).eval(), torch.randn(2, 4, 4, DIM)
    indices = quantizer.encode(latents)
    chosen = quantizer.visit(latents, indices, lambda leaf, given, index: (leaf.assign(given) == index).float())
    assert chosen.shape == indices.shape and chosen.all()
    gaps = (latents - quantizer.decode(indices)).square()
    apart = [gaps] if name == "cityblock" else [gaps[..., 0::2], gaps[..., 1::2]]
    expected = torch.stack([gap.sum(-1).sqrt() for gap in apart], -1)
    torch.testing.assert_close(quantizer.distances(latents, indices), expected)
    books = [book(torch.arange(size)) for book, size in zip(quantizer.codebooks(), quantizer.index_sizes, strict=True)]
    assert [tuple(book.shape) for book in books] == [(book.size, book.code_dim) for book in BOOKS[name]]
    actual = quantizer.cost(16)
    assert actual.books == BOOKS[name] and actual.searches == 16 * SEARCH[name] and actual.maps == 0
    assert actual.log2_choices == quantizer.bits(indices)[0] and actual.indices == indices[0].numel()


def test_the_app_shows_its_indices_map_and_rate(name, folder, path):
    model = read_model(folder)
    engine = Engine([model], torch.device("cpu"))
    inspector, shown = Inspector(engine), Comparison(str(path), 32, ())
    view = inspector.inspect(model.name, shown)
    labels = {"cityblock": ["the only one"], "interleaved": ["strand 1 of 2", "strand 2 of 2"]}
    assert [layer.label for layer in view.layers] == labels[name]
    assert all(np.isfinite(view.distance(layer)).all() for layer in view.layers)
    for layer, book in zip(view.layers, BOOKS[name], strict=True):
        value = map_value(inspector, model.name, shown, view, layer, None)
        assert len(value["counts"]) == book.size and value["maps"]["PCA"]
    (point,) = Rates(engine).models("toy")
    assert point.cost is not None and point.cost == cost(model.config, 8, 8) and point.cost.books == BOOKS[name]


def test_commands_list_it(name, folder, capsys):
    assert main(["list", "--quantizer", name]) == 0
    assert folder.name in capsys.readouterr().out
    assert main(["info", folder.name]) == 0
    assert name in capsys.readouterr().out


def test_the_page_of_quantizers_has_it(name, monkeypatch):
    for other in reversed(
        [each for each in QUANTIZERS if each != name]
    ):  # it takes seconds; last first keeps the order
        monkeypatch.delitem(QUANTIZERS, other)
    script = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "quantizers.py"))
    page = script["page"]([])
    assert f"\n## {name}\n" in page and f"\n| [{name}](#{name}) | " in page
    facts = script["facts"](name)
    expected = {"cityblock": (16, "4"), "interleaved": (24, "9")}  # codevectors of a whole latent, bits of a latent
    assert (facts.codebooks / script["DIM"], facts.bits) == expected[name] and facts.other == 0
