"""Token sets in other formats: nothing is lost there and back, and their own libraries read them."""

import datasets
import numpy as np
import pytest
import torch

from vqzoo.cli import main
from vqzoo.tokens import TokenSet, adapters

from .conftest import draw, tokenize


@pytest.fixture
def tokens(tmp_path):
    assert tokenize(draw(tmp_path / "pictures", broken=(4,)), tmp_path / "tokens", "--views", "whole,flip") == 0
    return tmp_path / "tokens"


def rows(folder) -> datasets.Dataset:
    return datasets.load_dataset(str(folder))["train"]


@pytest.mark.parametrize("to", ["npy", "webdataset", "mds", "parquet"])
def test_nothing_is_lost_there_and_back(to, tokens, tmp_path, monkeypatch, capsys):
    if to == "mds":
        pytest.importorskip("streaming")
    monkeypatch.setattr(adapters, "_ROWS", 7)  # several shards
    assert main(["export", str(tokens), str(tmp_path / "copy"), "--to", to]) == 0
    assert "train: 18 rows" in capsys.readouterr().out
    assert main(["export", str(tmp_path / "copy"), str(tmp_path / "back"), "--to", "parquet"]) == 0
    before, back = rows(tokens), rows(tmp_path / "back")
    assert back.features == before.features and back.to_dict() == before.to_dict()
    one, two = TokenSet(tokens, label="label"), TokenSet(tmp_path / "back", label="label")
    assert all(torch.equal(one[row]["input_ids"], two[row]["input_ids"]) for row in range(len(one)))
    if to != "parquet":
        with pytest.raises(ValueError, match=f"is a copy as {to}; export it as parquet first"):
            TokenSet(tmp_path / "copy")


def test_numpy_reads_the_arrays(tokens, tmp_path):
    main(["export", str(tokens), str(tmp_path / "copy"), "--to", "npy"])
    array = np.load(tmp_path / "copy" / "train" / "tokens_0.npy", mmap_mode="r")
    assert array.dtype == np.uint16 and array.tolist() == rows(tokens)["tokens_0"][:]


def test_webdataset_reads_the_tars(tokens, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    main(["export", str(tokens), str(tmp_path / "copy"), "--to", "webdataset"])
    samples = [*webdataset.WebDataset(str(tmp_path / "copy" / "train" / "000000.tar"), shardshuffle=False).decode()]
    assert [sample["tokens_0.npy"].tolist() for sample in samples] == rows(tokens)["tokens_0"][:]
    assert samples[3]["json"] == {name: value for name, value in rows(tokens)[3].items() if name != "tokens_0"}


def test_mistakes_are_told(tokens, tmp_path, capsys, monkeypatch):
    assert main(["export", str(tokens), str(tokens), "--to", "npy"]) == 1
    assert "exists; choose another folder" in capsys.readouterr().err
    monkeypatch.setattr(adapters, "import_module", lambda name: __import__("no_such_module"))
    assert main(["export", str(tokens), str(tmp_path / "copy"), "--to", "mds"]) == 1
    assert "this format needs mosaicml-streaming: pip install mosaicml-streaming" in capsys.readouterr().err
    assert main(["export", str(tmp_path), str(tmp_path / "other"), "--to", "npy"]) == 1
    assert "there is no manifest.json; expected a folder that vqzoo tokenize wrote" in capsys.readouterr().err
