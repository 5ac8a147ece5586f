"""`vqzoo tokenize`: rows by hand, workers, kills, mistakes; and every tokenizer of the zoo there and back."""

import hashlib
import json
import os
import random
import signal
import time
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path

import datasets
import fsspec
import numpy as np
import pytest
import torch
from PIL import Image

import vqzoo
from vqzoo.cli import main
from vqzoo.ops.pixels import to_bytes
from vqzoo.tokens import TokenSet, shard, waiting
from vqzoo.tokens.manifest import narrowest
from vqzoo.tokens.picture import Unit
from vqzoo.tokens.run import Worker

from .conftest import MODEL, contents, draw, tokenize, words_of

ROOT = Path(__file__).parents[2]
NAMES = [model.name for model in vqzoo.list_models()]


def test_the_rows_of_a_folder_by_class(pictures, tmp_path, capsys):
    assert tokenize(pictures, tmp_path / "out", "--views", "whole,flip") == 0
    out, err = capsys.readouterr()
    assert "train: 20 rows of 10 images, 0 cannot be read" in out
    assert "data/train-00003-of-00004.parquet: 1 images; " in err and "0 s left" in err
    rows = datasets.load_dataset(str(tmp_path / "out"))["train"]  # as it is, with nothing of ours
    paths = sorted(pictures.rglob("*.png"))
    assert rows["key"][::2] == [path.relative_to(pictures).as_posix() for path in paths]
    assert rows["view"][:4] == ["whole", "flip"] * 2 and set(rows["height"]) == set(rows["width"]) == {32}
    assert rows.features["label"].int2str(rows["label"][::2]) == ["a"] * 5 + ["b"] * 5
    assert rows.features["tokens_0"] == datasets.List(datasets.Value("uint16"), length=64)
    tokenizer = vqzoo.load(MODEL)
    for row, path in enumerate(paths):
        with Image.open(path) as file:
            image = file.copy()
        if image.size == (32, 32):  # the others are resized first
            for turn, view in enumerate((image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))):
                expected = tokenizer.encode(view).grids[0].flatten().tolist()
                assert rows[2 * row + turn]["tokens_0"] == expected


def test_the_manifest_says_what_made_the_tokens(pictures, tmp_path):
    tokenize(pictures, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    weights = (ROOT / "model_cards" / MODEL / "model.safetensors").read_bytes()
    assert manifest["tokenizer"]["name"] == MODEL
    assert manifest["tokenizer"]["sha256"] == hashlib.sha256(weights).hexdigest()
    assert manifest["tokenizer"]["config"] == vqzoo.load(MODEL).config
    assert manifest["levels"] == [
        {"column": "tokens_0", "type": "uint16", "alphabet": 1024, "columns": 1, "shape": [8, 8, 1]}
    ]
    assert manifest["bits_per_image"] == 640 and manifest["broken"] == []
    assert manifest["counts"] == {"train": {"images": 10, "rows": 10, "broken": 0}}


@pytest.mark.parametrize(
    ("alphabet", "name"),
    [(2, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32"), (2**18, "uint32")],
)
def test_the_type_holds_the_alphabet_and_is_the_narrowest(alphabet, name):
    dtype = narrowest(alphabet)
    assert np.dtype(dtype).name == name and np.iinfo(dtype).max >= alphabet - 1


def test_images_keep_their_sizes_with_side_0(pictures, tmp_path):
    assert tokenize(pictures, tmp_path / "out", "--side", 0) == 0
    rows = TokenSet(tmp_path / "out", label="label")
    tokenizer = vqzoo.load(MODEL)
    for row, path in enumerate(sorted(pictures.rglob("*.png"))):
        expected = tokenizer.encode(Image.open(path))
        tokens = rows.tokens(row)
        assert tokens.size == expected.size and torch.equal(tokens.grids[0], expected.grids[0])
        assert len(rows[row]["input_ids"]) == 2 + expected.grids[0].numel()


def test_crops_differ_and_come_again(pictures, tmp_path):
    for name in ("one", "two"):
        assert tokenize(pictures, tmp_path / name, "--views", "crop,crop") == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    rows = datasets.load_dataset(str(tmp_path / "one"))["train"]
    assert rows["view"][:2] == ["crop", "crop-2"]
    assert all(rows[row]["tokens_0"] != rows[row + 1]["tokens_0"] for row in range(0, 20, 2))


def test_columns_are_passed_through_and_taken_names_get_a_prefix(tmp_path):
    pixels = [Image.fromarray(np.full((32, 32, 3), value, np.uint8)) for value in (0, 255)]
    columns = {"img": pixels, "caption": ["first", None], "width": [7, 8], "list": [[1], [2]], "score": [0.5, 1.0]}
    features = datasets.Features({
        "img": datasets.Image(), "caption": datasets.Value("string"), "width": datasets.Value("int64"),
        "list": datasets.List(datasets.Value("int64")), "score": datasets.Value("float32"),
    })  # fmt: skip
    (tmp_path / "data").mkdir()
    datasets.Dataset.from_dict(columns, features=features).to_parquet(tmp_path / "data" / "test.parquet")
    assert tokenize(tmp_path / "data", tmp_path / "out") == 0
    rows = datasets.load_dataset(str(tmp_path / "out"))["test"]
    assert rows.column_names == ["key", "caption", "source_width", "score", "height", "width", "view", "tokens_0"]
    assert [rows[0][name] for name in rows.column_names[:5]] == ["0", "first", 7, 0.5, 32]
    assert rows["caption"][1] is None and rows["width"][1] == 32


def test_a_broken_picture_is_named_counted_and_has_no_row(tmp_path, capsys):
    pictures = draw(tmp_path / "pictures", broken=(4, 7))
    assert tokenize(pictures, tmp_path / "out") == 0
    out, err = capsys.readouterr()
    assert "train: 8 rows of 10 images, 2 cannot be read" in out
    assert "train: a/004.png cannot be read (" in err and "train: b/007.png cannot be read (" in err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [each["key"] for each in manifest["broken"]] == ["a/004.png", "b/007.png"]
    assert len(TokenSet(tmp_path / "out")) == 8


def test_a_folder_of_broken_pictures_is_a_mistake(tmp_path, capsys):
    assert tokenize(draw(tmp_path / "pictures", 3, broken=(0, 1, 2)), tmp_path / "out") == 1
    assert "none of the images can be read" in capsys.readouterr().err


def test_pictures_of_many_sizes_do_not_pile_up(tmp_path, monkeypatch):
    """Pictures that wait for others of their size are few, and tokens are the same."""
    generator = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(9):
        sides = (8 + number // 2, 16)
        pixels = generator.integers(0, 256, (*sides, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number}.png")
    tokenize(tmp_path / "pictures", tmp_path / "one", "--side", 0, "--images-per-file", 9)
    monkeypatch.setattr(waiting, "_WAITING_PIXELS", 200)
    monkeypatch.setattr(waiting, "_BATCH_PIXELS", 150)
    batches = []
    store = shard.Encoder._store
    monkeypatch.setattr(
        shard.Encoder, "_store", lambda self, rows, batch, _: (batches.append(len(batch)), store(self, rows, batch, _))
    )
    tokenize(tmp_path / "pictures", tmp_path / "two", "--side", 0, "--images-per-file", 9)
    assert batches == [1] * 9
    one, two = (datasets.load_dataset(str(tmp_path / name))["train"].to_dict() for name in ("one", "two"))
    assert one == two


def test_the_number_of_threads_changes_no_byte(pictures, tmp_path):
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            tokenize(pictures, tmp_path / str(threads), "--batch-size", 2)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    one, three = (sorted((tmp_path / folder / "data").iterdir()) for folder in "13")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in three] != []


def test_a_stream_has_the_same_rows(pictures, tmp_path):
    tokenize(pictures, tmp_path / "out")
    tokenize(pictures, tmp_path / "stream", "--stream")
    rows, streamed = (datasets.load_dataset(str(tmp_path / name))["train"] for name in ("out", "stream"))
    assert rows.to_dict() == streamed.to_dict()


# --- workers and interruptions ---------------------------------------------------------------------------------------


def test_any_number_of_workers_write_the_same_bytes(pictures, tmp_path, capsys):
    tokenize(pictures, tmp_path / "one")
    assert tokenize(pictures, tmp_path / "three", "--shard", "1/3") == 0
    assert "the part of worker 1 of 3 is there; other parts are missing" in capsys.readouterr().out
    with pytest.raises(ValueError, match="parts are missing; go on with the command"):
        TokenSet(tmp_path / "three")
    for worker in ("0/3", "2/3"):
        assert tokenize(pictures, tmp_path / "three", "--shard", worker) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 40])
def test_workers_divide_all_units_into_consecutive_parts(workers):
    units = [Unit("train", number, 13, 5) for number in range(13)]
    shares = [Worker(number, workers).share(units) for number in range(workers)]
    assert [unit for share in shares for unit in share] == units
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (0, 1)),
        ({"RANK": "3", "WORLD_SIZE": "8"}, (3, 8)),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "4"}, (1, 4)),
        ({"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "9", "SLURM_ARRAY_TASK_MIN": "1"}, (6, 9)),
        ({"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "9", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, (2, 9)),
    ],
)
def test_the_worker_that_a_launcher_names(variables, expected):
    worker = Worker.of_environment(variables)
    assert (worker.number, worker.of) == expected


def test_25_kills_at_random_moments_and_then_the_same_bytes(tmp_path):
    """Kill one, two and three workers in turn, each time after up to two new files; one run then finishes."""
    pictures = draw(tmp_path / "pictures", 240)
    options = ("--batch-size", 2, "--images-per-file", 2)
    assert tokenize(pictures, tmp_path / "whole", *options) == 0
    generator = random.Random(0)
    killed = written = 0
    # Forked from a process that has imported everything and has no threads, whose locks a fork would copy.
    context = get_context("forkserver")
    context.set_forkserver_preload(["vqzoo.cli.tokenize"])
    for workers in cycle((1, 2, 3)):
        words = [
            words_of(pictures, tmp_path / "out", *options, "--shard", f"{each}/{workers}") for each in range(workers)
        ]
        running = [context.Process(target=main, args=(line,)) for line in words]
        for process in running:
            process.start()
        enough = written + generator.randrange(3)
        while written < enough and any(process.is_alive() for process in running):
            time.sleep(0.001)
            written = len(list((tmp_path / "out").glob("data/*.parquet")))
        time.sleep(generator.random() / 20)
        for process in running:
            process.kill()
            process.join()
            killed += process.exitcode == -signal.SIGKILL
        written = len(list((tmp_path / "out").glob("data/*.parquet")))
        if killed >= 25:
            break
        assert written < 120, "finished before 25 kills"
    assert 0 < written < 120
    assert tokenize(pictures, tmp_path / "out", *options) == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_folder_may_be_wherever_fsspec_writes(pictures, tmp_path):
    assert tokenize(pictures, tmp_path / "out") == 0
    assert tokenize(pictures, "memory://tokens", "--shard", "0/2") == 0
    assert tokenize(pictures, "memory://tokens") == 0
    files = fsspec.filesystem("memory")
    names = {path.removeprefix("/tokens/") for path in files.find("/tokens")}
    hashes = {name: hashlib.sha256(files.cat_file(f"/tokens/{name}")).hexdigest() for name in names}
    files.rm("/tokens", recursive=True)
    assert hashes == contents(tmp_path / "out")


def test_what_a_killed_process_left_behind_is_removed(pictures, tmp_path):
    tokenize(pictures, tmp_path / "whole")
    (tmp_path / "out" / ".partial").mkdir(parents=True)
    (tmp_path / "out" / ".partial" / "train-00000-of-00004.parquet.host.1").write_bytes(b"half")
    tokenize(pictures, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--views", "whole,zoom"], "expected some of whole, flip, crop"),
        (["--views", "crop", "--side", "0"], "crop needs a --side"),
        (["--shard", "3/3"], "expected i/N, with i from 0 to N - 1"),
        (["--splits", "test"], "has no split 'test'"),
        (["--batch-size", "0"], "batch-size=0"),
        (["--device", "cuda:99"], "torch cannot use it here"),
    ],
)
def test_mistakes_are_told(pictures, tmp_path, capsys, options, match):
    assert tokenize(pictures, tmp_path / "out", *options) == 1
    err = capsys.readouterr().err
    assert match in err and "Traceback" not in err


def test_tokens_of_other_settings_are_not_mixed(pictures, tmp_path, capsys):
    tokenize(pictures, tmp_path / "out")
    assert tokenize(pictures, tmp_path / "out", "--views", "flip") == 1
    assert 'preprocessing.views was ["whole"] and is ["flip"]; choose another --out' in capsys.readouterr().err
    assert tokenize(pictures, tmp_path / "out", model="cifar10-fsq-8-5-5-5") == 1
    assert 'tokenizer.name was "cifar10-vq-1024x128"' in capsys.readouterr().err


# --- and back --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_tokenizer_of_the_zoo_there_and_back(name, tmp_path, monkeypatch):
    """Tokens are those of `encode`, pictures bit for bit those of `decode(encode(x))`."""
    tokenizer = vqzoo.load(name)
    side = tokenizer.multiple if tokenizer.resolution > 32 else tokenizer.resolution
    pixels = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    (tmp_path / "data").mkdir()
    for number, each in enumerate(pixels):
        Image.fromarray(each).save(tmp_path / "data" / f"{number}.png")
    assert tokenize(tmp_path / "data", tmp_path / "out", "--side", side, model=name) == 0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a batch is encoded: with more, numbers that are stored as they are round differently
    expected = tokenizer.encode(pixels)
    torch.set_num_threads(threads)
    tokens = TokenSet(tmp_path / "out").tokens(slice(0, 2))
    assert tokens.size == expected.size
    assert all(torch.equal(a, b) for a, b in zip(tokens.grids, expected.grids, strict=True))
    assert main(["detokenize", str(tmp_path / "out"), str(tmp_path / "back")]) == 0
    decoded = to_bytes(tokenizer.decode(expected)).permute(0, 2, 3, 1).numpy()
    for number, each in enumerate(decoded):
        back = np.asarray(Image.open(tmp_path / "back" / "train" / f"{number:08}-{number}.png"))
        assert np.array_equal(back, each.squeeze(-1) if each.shape[-1] == 1 else each)


def test_detokenize_some_rows_and_refuse_other_weights(pictures, tmp_path, capsys):
    tokenize(pictures, tmp_path / "out")
    words = ["detokenize", str(tmp_path / "out"), str(tmp_path / "back")]
    assert main([*words, "--rows", "2:7", "--batch-size", "2"]) == 0
    names = sorted(path.name for path in (tmp_path / "back" / "train").iterdir())
    assert names == [f"{row:08}-{key}.png" for row, key in zip(range(2, 7), "004 006 008 001 003".split(), strict=True)]
    for options, match in [
        (["--model", "cifar10-fsq-8-5-5-5"], "has other weights than made these tokens"),
        (["--splits", "test"], "split='test': expected one of train"),
        (["--rows", "7"], "expected FIRST:END"),
    ]:
        capsys.readouterr()
        assert main([*words, *options]) == 1
        assert match in capsys.readouterr().err
    os.remove(tmp_path / "out" / "data" / "train-00001-of-00004.parquet")
    assert main(words) == 1
    assert "train-00001-of-00004.parquet is missing" in capsys.readouterr().err
