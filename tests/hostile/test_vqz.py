"""Damaged .vqz files: one sentence each, at once and in little memory. Of 2,000: python benchmarks/vqz_damaged.py."""

import time
from pathlib import Path

import pytest
import torch

from vqzoo.hub.registry import load
from vqzoo.tokens.vqz import compress, decompress
from vqzoo.views.vqz import shipped

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAME = "cifar10-rvq-8x256"


@pytest.fixture(scope="module")
def model():
    return load(NAME), shipped(NAME)


@pytest.mark.parametrize("kind", ["neighbours", "usage"])
def test_damaged_files(model, kind, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from damage import FORGED, damaged

    tokenizer, of = model
    tokens = tokenizer.encode(torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    data = compress(tokenizer, tokens, of, model=kind).data
    refused = 0
    for way, file in damaged(data, 90):
        start = time.process_time()
        try:
            decompress(file, tokenizer, of)
            assert way in FORGED, way
        except ValueError as error:
            sentence = str(error)
            assert "\n" not in sentence and 10 < len(sentence) < 300, way
            refused += 1
        assert time.process_time() - start < 60, way
    assert refused >= 60
