"""A few photographs as a token set: what is in the archive is what the commands read."""

import shutil
import zipfile

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import local_models
from vqzoo.tokens import TokenSet
from vqzoo.views.engine import Engine
from vqzoo.views.token_set import MOST, token_set

NAME = "cifar10-rvq-8x256"
SIDE = 64


@pytest.fixture(scope="module")
def engine():
    return Engine([model for model in local_models()[0] if model.name == NAME])


def test_the_archive_is_a_token_set_of_the_photographs(engine, tmp_path):
    shutil.copy(next(iter(examples().values())), tmp_path / "cat.webp")
    Image.fromarray(np.full((40, 24, 3), 200, np.uint8)).save(tmp_path / "grey.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    paths = [str(tmp_path / name) for name in ("cat.webp", "broken.png", "grey.png")]
    made = token_set(engine, NAME, paths, SIDE)

    (tmp_path / "zip").write_bytes(made.archive)
    with zipfile.ZipFile(tmp_path / "zip") as archive:
        archive.extractall(tmp_path / "set")
    rows = datasets.load_dataset(str(tmp_path / "set"))["train"]
    assert rows["key"] == ["cat.webp", "grey.png"]
    assert [row["key: string"] for row in made.rows] == ["cat.webp", "grey.png"]
    assert "broken.png has no row: The file cannot be read as an image" in made.line
    stored = TokenSet(tmp_path / "set")
    with engine.borrow(NAME) as tokenizer:
        for number, path in enumerate((paths[0], paths[2])):
            pixels = torch.from_numpy(engine.photo(path, SIDE).pixels).permute(2, 0, 1)[None]
            tokens = tokenizer.encode(pixels)
            assert all(map(torch.equal, stored.tokens([number]).grids, tokens.grids))
            begin = " ".join(map(str, tokens.grids[0].flatten().tolist()[:12]))
            assert made.rows[number]["tokens_0: list<element: uint8>"].startswith(f"{begin} … of ")


def test_what_cannot_be_made_is_one_sentence(engine, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"^broken\.png: The file cannot be read as an image"):
        token_set(engine, NAME, [str(tmp_path / "broken.png")], SIDE)
    with pytest.raises(ValueError, match=f"^65 photographs: choose 1 to {MOST}"):
        token_set(engine, NAME, ["a.png"] * 65, SIDE)
    with pytest.raises(ValueError, match="no longer offered"):
        token_set(engine, "another", ["a.png"], SIDE)
