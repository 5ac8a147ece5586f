"""TokenSet: access, shuffling, resuming, mistakes; and the GPT of docs/tokens.md."""

import re
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

import vqzoo
from vqzoo.tokens import Sequences, TokenSet

from .conftest import MODEL, draw, tokenize

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path) -> Path:
    assert tokenize(draw(tmp_path / "pictures"), tmp_path / "tokens", "--views", "whole,flip") == 0
    return tmp_path / "tokens"


def test_items_are_sequences_of_the_tokens(folder):
    tokens = TokenSet(folder, order="by-level", label="label")
    sequences = Sequences(vqzoo.load(MODEL), (32, 32), "by-level", classes=2)
    labels = torch.tensor(tokens.rows["label"])
    expected = sequences.flatten(tokens.tokens(slice(0, 20)), labels)
    assert len(tokens) == 20 and labels.tolist() == [0] * 10 + [1] * 10
    assert all(torch.equal(tokens[row]["input_ids"], expected[row]) for row in (0, 7, -1))
    with pytest.raises(IndexError):
        tokens[20]
    assert len(TokenSet(folder, view="flip")) == 10


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_has_every_row_once_and_resumes_at_any_sample(folder, workers):
    tokens = TokenSet(folder)

    def read(**where) -> list[tuple[int, ...]]:
        loader = DataLoader(tokens, batch_size=3, sampler=tokens.shuffled(seed=1, **where), num_workers=workers)
        return [tuple(sequence.tolist()) for batch in loader for sequence in batch["input_ids"]]

    rows = read(epoch=0)
    assert sorted(rows) == sorted(tuple(tokens[row]["input_ids"].tolist()) for row in range(20))
    assert read(epoch=0, start=7) == rows[7:] and read(epoch=1) != rows
    if not workers:
        parts = [read(epoch=0, rank=rank, world_size=3) for rank in range(3)]
        assert [row for together in zip(*parts, strict=True) for row in together] == rows[:18]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"split": "test"}, "split='test': expected one of train"),
        ({"view": "crop"}, "view='crop': expected one of whole, flip"),
        ({"label": "key"}, "label='key': expected a column of classes: label"),
        ({"order": "spiral"}, "order='spiral'"),
    ],
)
def test_mistakes_are_told(folder, settings, match):
    with pytest.raises(ValueError, match=match):
        TokenSet(folder, **settings)


def test_the_gpt_of_the_page(folder, monkeypatch):
    pytest.importorskip("transformers")
    text = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "GPT2" in block]
    monkeypatch.chdir(folder.parent)
    code = code.replace("tensor([3, 5])", "tensor([0, 1])").replace("n_layer=4", "n_layer=1")  # there are two classes
    names: dict = {}
    exec(code, names)
    assert names["images"].shape == (2, 3, 32, 32)
    assert names["sequences"].labels(names["drawn"]).tolist() == [0, 1]
