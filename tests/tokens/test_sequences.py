"""Sequences: orders by hand, and every quantizer and every tokenizer of the zoo there and back."""

import pytest
import torch

from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.quantizers import QUANTIZERS, build
from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.tokens import Sequences

ORDERS = ["raster", "by-level", "interleaved", "delayed"]
SMALL = {"none": {}, "multiscale": {"scales": (1, 2), "codebook_size": 8}}


def make(name: str = "rvq", side: int = 8, **settings) -> Tokenizer:
    settings = settings or SMALL.get(name, {})
    autoencoder = build_autoencoder("conv", latent_dim=32, stride=4, width=4, residual_width=2, residual_blocks=0)
    return Tokenizer(autoencoder, build(name, dim=32, **settings), build_position("none", dim=32), side).eval()


def pyramid() -> Tokenizer:
    conv = {"stride": 2, "width": 4, "residual_width": 2, "residual_blocks": 0}
    autoencoder = build_autoencoder("hierarchical", latent_dim=32, **conv)
    books = [build("vq", dim=32, codebook_size=size) for size in (5, 9)]
    return Tokenizer(autoencoder, books, build_position("none", dim=32), 8).eval()


def numbered(tokenizer: Tokenizer, size: tuple[int, int]) -> Tokens:
    """Indices that are all different, as far as their alphabets allow."""
    grids = []
    for (height, width), part in zip(tokenizer.grid_sizes(size), tokenizer.quantizers, strict=True):
        sizes = torch.tensor(part.index_sizes)
        grids.append(torch.arange(height * width * len(sizes)).view(1, height, width, -1) % sizes)
    return Tokens(tuple(grids), size)


@pytest.mark.parametrize(
    ("order", "expected"),
    [  # two columns of alphabet 4, with codebooks of their own; cells a b / c d
        ("raster", [0, 5, 2, 7, 0, 5, 2, 7]),
        ("by-level", [0, 2, 0, 2, 5, 7, 5, 7]),
        ("interleaved", [0, 5, 2, 7, 0, 5, 2, 7]),
        ("delayed", [0, 9, 2, 5, 0, 7, 2, 5, 9, 7]),
    ],
)
def test_two_columns_by_hand(order, expected):
    tokenizer = make(levels=2, codebook_size=4)
    sequences = Sequences(tokenizer, order=order)
    assert (sequences.begin, sequences.pad, sequences.vocabulary_size) == (8, 9, 10)
    tokens = Tokens((torch.tensor([[[[0, 1], [2, 3]], [[0, 1], [2, 3]]]]),), (8, 8))
    assert sequences.flatten(tokens).tolist() == [[8, *expected]]


def test_a_hierarchy_by_hand():
    tokenizer = pyramid()
    (rows, columns), (fine_rows, fine_columns) = tokenizer.grid_sizes((8, 8))
    assert (rows, columns, fine_rows, fine_columns) == (2, 2, 4, 4)
    coarse, fine = torch.arange(4).view(1, 2, 2, 1), torch.arange(16).view(1, 4, 4, 1) % 9
    tokens = Tokens((coarse, fine), (8, 8))
    inside = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 0, 3, 4], [1, 2, 5, 6]]  # of 16 cells, modulo 9
    expected = [token for cell in range(4) for token in (cell, *(5 + index for index in inside[cell]))]
    assert Sequences(tokenizer, order="interleaved").flatten(tokens).tolist() == [[14, *expected]]
    with pytest.raises(ValueError, match=r"order='delayed': the grids differ in size \(2 x 2, 4 x 4\)"):
        Sequences(tokenizer, order="delayed")


def test_columns_of_one_codebook_share_their_tokens():
    assert Sequences(make("rq", levels=3, codebook_size=8)).vocabulary_size == 8 + 2
    assert Sequences(make("rvq", levels=3, codebook_size=8)).vocabulary_size == 3 * 8 + 2


def test_classes_and_the_prompt():
    tokenizer = make(levels=2, codebook_size=4)
    sequences = Sequences(tokenizer, classes=3)
    tokens = numbered(tokenizer, (8, 8))
    flat = sequences.flatten(Tokens.cat([tokens] * 3), torch.tensor([0, 2, -1]))
    assert flat[:, :2].tolist() == [[8, 10], [8, 12], [8, 9]] and sequences.vocabulary_size == 13
    assert torch.equal(flat[:, :2], sequences.prompt(torch.tensor([0, 2, -1])))
    assert sequences.labels(flat).tolist() == [0, 2, -1]
    assert torch.equal(sequences.unflatten(flat)[1].grids[0], tokens.grids[0])
    assert sequences.allowed(0, flat[0, :1]) == [9, 10, 11, 12] and sequences.allowed(0, flat[0, :3]) == [4, 5, 6, 7]
    for labels, match in [(None, "labels: none"), ([0, 3, 0], "from 0 to 2"), ([0], "labels: 1; expected 3")]:
        with pytest.raises(ValueError, match=match):
            sequences.flatten(Tokens.cat([tokens] * 3), None if labels is None else torch.tensor(labels))


@pytest.mark.parametrize("name", QUANTIZERS)
@pytest.mark.parametrize("order", ORDERS)
def test_every_quantizer_there_and_back(name, order):
    tokenizer = make(name, 16)
    if name == "multiscale" and order == "delayed":
        pytest.skip("grids of different sizes, refused")
    sequences = Sequences(tokenizer, (16, 12), order)
    tokens = tokenizer.encode(torch.rand(2, 3, 16, 12) * 2 - 1)
    flat = sequences.flatten(tokens)
    assert flat.shape == (2, sequences.length)
    assert (flat >= sequences.lows).all() and (flat <= sequences.highs).all()
    back = sequences.unflatten(flat)
    assert back.size == tokens.size and torch.equal(back.grids[0], tokens.grids[0])
    if order == "delayed":
        columns = len(tokenizer.quantizer.index_sizes)
        assert (flat == sequences.pad).sum() == 2 * columns * (columns - 1)
    else:
        assert flat.shape[1] == 1 + tokens.grids[0][0].numel()


def test_tokens_that_are_not_allowed_are_named():
    sequences = Sequences(make(levels=2, codebook_size=4))
    flat = sequences.flatten(numbered(make(levels=2, codebook_size=4), (8, 8)))
    flat[0, 2] = 3
    with pytest.raises(ValueError, match="sequence 0 has token 3 at position 2: expected 4 to 7"):
        sequences.unflatten(flat)
    with pytest.raises(ValueError, match=r"of shape \(1, 8\).*\(images, 9\), with the begin token"):
        sequences.unflatten(flat[:, 1:])
    with pytest.raises(ValueError, match=r"tokens of size \(4, 4\)"):
        sequences.flatten(numbered(make(levels=2, codebook_size=4), (4, 4)))
