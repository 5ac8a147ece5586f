"""A folder of small pictures by class, and token sets made of it."""

import hashlib
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from vqzoo.cli import main

MODEL = "cifar10-vq-1024x128"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of `datasets` that goes with the test."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def draw(folder: Path, number: int = 10, broken: tuple[int, ...] = ()) -> Path:
    """Write pictures of several sizes in subfolders "a" and "b"; the broken ones are cut off."""
    generator = np.random.default_rng(0)
    for each in range(number):
        sides = (32, 32) if each % 3 else (40, 36)
        path = folder / "ab"[each % 2] / f"{each:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (*sides, 3), dtype=np.uint8)).save(path)
        if each in broken:
            path.write_bytes(path.read_bytes()[:100])
    return folder


@pytest.fixture
def pictures(tmp_path) -> Path:
    return draw(tmp_path / "pictures")


def words_of(data: Path, out: Path | str, *options: object, model: str = MODEL) -> list[str]:
    words = ["tokenize", data, "--model", model, "--out", out, "--batch-size", 4, "--images-per-file", 3]
    return [str(word) for word in (*words, *options)]


def tokenize(data: Path, out: Path | str, *options: object, model: str = MODEL) -> int:
    return main(words_of(data, out, *options, model=model))


def contents(folder: Path) -> dict[str, str]:
    """Name and hash of every file in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
