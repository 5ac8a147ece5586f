"""Tests of a quantizer's parts and of its choice in each cell, for every row of the table."""

import numpy as np
import pytest
import torch

from vqzoo.analysis.usage import codebook_of
from vqzoo.hub.registry import list_models, load
from vqzoo.quantizers import QUANTIZERS, build

SETTINGS = {
    "looc": {"segments": 4, "factor": 2},
    "pq": {"segments": 4},
    "adaptive": {"capacity": 1024, "codebooks": 4},
    "fsq": {"levels": (8, 5, 5)},
}


def made(name: str):
    quantizer = build(name, dim=16, **SETTINGS.get(name, {})).eval()
    return quantizer, torch.randn(2, 8, 8, 16)


@pytest.mark.parametrize("name", QUANTIZERS)
@torch.inference_mode()
def test_what_a_leaf_is_given_makes_it_choose_the_same(name):
    quantizer, latents = made(name)
    indices = quantizer.encode(latents)
    same = quantizer.visit(latents, indices, lambda leaf, given, index: (leaf.assign(given) == index).float())
    assert same.shape == indices.shape and same.all()


@pytest.mark.parametrize("name", ["vq", "ema", "simvq", "sq", "pq", "rvq", "rq", "hvq", "multiscale", "factorized"])
@torch.inference_mode()
def test_no_other_codevector_is_nearer(name):
    quantizer, latents = made(name)
    indices = quantizer.encode(latents)
    books = quantizer.codebooks()

    def nearest(leaf, given, index):
        table = leaf.codebooks()[0](torch.arange(leaf.index_sizes[0]))
        return torch.cdist(given.double().flatten(0, -2), table.double()).amin(-1).view(index.shape)

    torch.testing.assert_close(
        quantizer.distances(latents, indices).double(),
        quantizer.visit(latents, indices, nearest),
        rtol=1e-4,
        atol=1e-4,
    )
    assert len(books) == len(set(quantizer.codebook_of))


@torch.inference_mode()
def test_distances_by_hand():
    quantizer = build("rvq", dim=2, codebook_size=2, levels=2, start="uniform").eval()
    quantizer.levels[0].codebook.weight.copy_(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    quantizer.levels[1].codebook.weight.copy_(torch.tensor([[0.0, 0.0], [0.0, 1.0]]))
    latents = torch.tensor([3.0, 6.0]).view(1, 1, 1, 2)
    assert quantizer.encode(latents).flatten().tolist() == [1, 1]
    assert quantizer.distances(latents, torch.tensor([1, 1]).view(1, 1, 1, 2)).flatten().tolist() == [2, 1]
    changed = quantizer.distances(latents, torch.tensor([0, 1]).view(1, 1, 1, 2)).flatten().tolist()
    assert changed == pytest.approx([45**0.5, 34**0.5]), "the second level gets what the changed first one leaves over"


@torch.inference_mode()
def test_distances_behind_projections_and_normalisation():
    quantizer, latents = made("factorized")
    indices = quantizer.encode(latents)
    spherical = torch.nn.functional.normalize(quantizer.down(latents), dim=-1)
    chosen = torch.nn.functional.normalize(quantizer.quantizer.quantizer.codebook.weight, dim=1)[indices[..., 0]]
    torch.testing.assert_close(quantizer.distances(latents, indices)[..., 0], (spherical - chosen).norm(dim=-1))


@torch.inference_mode()
def test_distances_of_numbers_have_no_sign():
    quantizer = build("uniform", dim=2, levels=3).eval()  # values -2, 0, 2
    latents = torch.tensor([-2.5, 0.75]).view(1, 1, 1, 2)
    assert quantizer.distances(latents, quantizer.encode(latents)).flatten().tolist() == [0.5, 0.75]


@pytest.mark.parametrize("name", ["pq", "looc", "uniform", "rvq", "rq"])
@torch.inference_mode()
def test_codebooks_are_what_decoding_puts_together(name):
    quantizer, latents = made(name)
    if name == "looc":
        quantizer = build("looc", dim=16, segments=4).eval()
    indices = quantizer.encode(latents)
    books = quantizer.codebooks()
    parts = [
        books[book](column.reshape(-1)).view(*column.shape, -1)
        for book, column in zip(quantizer.codebook_of, indices.unbind(-1), strict=True)
    ]
    joined = torch.stack(parts).sum(0) if name in ("rvq", "rq") else torch.cat(parts, -1)
    torch.testing.assert_close(joined, quantizer.decode(indices))


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_index_lies_in_one_place(name):
    quantizer, _ = made(name)
    height, width = 2 * 8 // quantizer.multiple, 8 // quantizer.multiple
    grids = quantizer.index_grids(height, width)
    columns = len(quantizer.index_sizes)
    assert sorted(torch.cat([grid.flatten() for grid in grids]).tolist()) == list(range(height * width * columns))
    if name == "multiscale":
        assert [tuple(grid.shape) for grid in grids] == [(2, 1), (4, 2), (8, 4), (16, 8)]
        # The second cell of the second scale's first row is the third column of the first patch.
        assert grids[1][0, 1] == 2 and grids[1][2, 0] == columns + 1
    else:
        assert len(grids) == columns and all(grid.shape == (height, width) for grid in grids)


def test_words_and_fixed_grids():
    words = {name: made(name)[0].column_word for name in QUANTIZERS}
    assert words | {"looc": "segment", "pq": "segment", "rvq": "level", "rq": "level"} == words
    assert words["multiscale"] == "scale" and words["uniform"] == "channel" and words["vq"] == "index"
    assert {name for name in QUANTIZERS if made(name)[0].innermost.fixed} == {"fsq", "lfq", "bsq", "uniform"}


def test_codebooks_of_shipped_models_are_numbered_as_their_columns():
    for model in list_models():
        if model.name in ("cifar10-pq-8x256", "cifar10-adaptive-65536", "cifar10-fsq-8-5-5-5"):
            tokenizer = load(model)
            books = [book for quantizer in tokenizer.quantizers for book in quantizer.codebooks()]
            assert len(books) == len(set(codebook_of(tokenizer)))
            sizes = np.concatenate([quantizer.index_sizes for quantizer in tokenizer.quantizers])
            with torch.inference_mode():
                assert books[-1](torch.tensor([int(sizes[-1]) - 1])).isfinite().all()
