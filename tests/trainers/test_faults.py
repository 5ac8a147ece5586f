"""What the world does to a run: it ends in one clear line, loses nothing that was saved, and can be resumed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
import torch

from trainers.data.streamed import Streamed
from trainers.loop import checkpoint, session
from trainers.loop.fit import train
from trainers.loop.options import Options
from trainers.loop.signals import WARNED
from trainers.recipes import RECIPES
from trainers.train import main
from vqzoo.analysis.log import read

NAME = "cifar10-vq-1024x128"


@pytest.fixture
def checkpoints(tmp_path) -> Path:
    return tmp_path / "runs" / NAME / "checkpoints"


def model_of(folder: Path, step: int) -> dict[str, torch.Tensor]:
    return checkpoint.read(folder / f"step-{step:08d}.pt")["model"]


def assert_as_if_nothing_had_been(checkpoints: Path, run: Path) -> None:
    """`run` is the folder of the same run without a fault."""
    expected, actual = model_of(run / "checkpoints", 8), model_of(checkpoints, 8)
    assert all(torch.equal(actual[key], value) for key, value in expected.items())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here, a device that is always full")
def test_a_full_disk(command, checkpoints, run, monkeypatch):
    """The kernel says so when the third checkpoint is written."""
    write = checkpoint.write_step

    def fill_up(folder, step, state):
        if step == 6:
            (folder / f"step-{step:08d}.partial").symlink_to("/dev/full")
        write(folder, step, state)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_step", fill_up)
        code, line = command()
    assert code == 1 and "step-00000006.pt could not be written ([Errno 28] No space left on device)" in line
    assert sorted(path.name for path in checkpoints.iterdir()) == ["step-00000002.pt", "step-00000004.pt"]
    assert command("--resume")[0] == 0
    assert_as_if_nothing_had_been(checkpoints, run)


def test_the_newest_checkpoint_is_cut_short(command, checkpoints, run, tmp_path):
    assert command()[0] == 0
    newest = checkpoints / "step-00000008.pt"
    newest.write_bytes(newest.read_bytes()[:-1000])
    shutil.rmtree(tmp_path / "cards")
    assert command("--resume")[0] == 0
    assert_as_if_nothing_had_been(checkpoints, run)
    steps = [row["step"] for row in read(checkpoints.parent / "metrics.jsonl")]
    assert steps == [2, 2, 4, 4, 6, 6, 8, 8]


def test_a_shard_of_the_data_is_deleted(command, checkpoints, tmp_path, data, monkeypatch, write_dataset, pictures):
    """In the second epoch, when it is opened again; where it comes back, the run goes on."""
    folder = shutil.copytree(data, tmp_path / "pictures")
    (shard,) = folder.glob("train-*.parquet")
    batches = Streamed.batches

    def lose(self, start, state=None):
        for number, batch in enumerate(batches(self, start, state), start):
            if number == 3:
                shard.rename(folder / "lost")
            yield batch

    arguments = ["--loading", "stream", "--save-minutes", "0"]
    with monkeypatch.context() as patch:
        patch.setattr(Streamed, "batches", lose)
        code, line = command(*arguments, "--steps", "40", source=folder)
    assert code == 1 and "'pictures'" in line, line
    assert 3 <= checkpoint.read_latest(checkpoints)["step"] < 40
    (folder / "lost").rename(shard)
    assert command(*arguments, "--steps", "40", "--resume", source=folder)[0] == 0


DEADLY = """
import json, os, signal, sys, time

os.sched_getaffinity = lambda process: {0}
import torch
from trainers.train import main
from trainers.data.mapped import Mapped
from trainers.recipes.recipe import Recipe
from trainers.recipes import RECIPES

batches = Mapped.batches

def kill(self, start, state=None):
    for number, batch in enumerate(batches(self, start, state), start):
        if number == 5:
            time.sleep(1)  # until it waits for work: killed while it holds a queue's lock, nobody would hear of it
            for child in torch.multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)
        yield batch

Mapped.batches = kill
recipe = Recipe.from_dict(json.loads(sys.argv[1]))
RECIPES[recipe.name] = lambda: recipe
sys.exit(main([recipe.name, *sys.argv[2:]]))
"""


def test_a_worker_dies(command, checkpoints, run, tiny, data, tmp_path):
    """A process that decodes images is killed, as where memory ran out.

    In a process of its own: PyTorch looks after the workers of all loaders of a process at once.
    """
    where = ["--data", str(data), "--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards")]
    arguments = [json.dumps(tiny().to_dict()), *where, "--loading", "mapped", "--workers", "1"]
    done = subprocess.run([sys.executable, "-c", DEADLY, *arguments], capture_output=True, text=True)
    line = done.stderr.rstrip("\n").split("\n")[-1]
    assert done.returncode == 1 and "process that reads images is gone" in line and "--resume" in line, line
    assert checkpoint.read_latest(checkpoints)["step"] in (4, 6), "what was read ahead may still be used"
    assert command("--loading", "mapped", "--workers", "0", "--resume")[0] == 0
    assert_as_if_nothing_had_been(checkpoints, run)


@pytest.fixture
def broken(tmp_path, pictures) -> Path:
    """A data set of which two train images in two hundred are no images."""
    rows = {"train": pictures(200, 0), "test": pictures(16, 1)}
    folder = tmp_path / "broken"
    folder.mkdir()
    for split, images in rows.items():
        encoded = datasets.Dataset.from_dict({"image": images}, datasets.Features({"image": datasets.Image()}))
        cells = encoded.cast_column("image", datasets.Image(decode=False))["image"][:]
        if split == "train":
            cells[7], cells[150] = ({"bytes": cell["bytes"][:40], "path": None} for cell in (cells[7], cells[150]))
        table = datasets.Dataset.from_dict({"image": cells}, datasets.Features({"image": datasets.Image(decode=False)}))
        table.cast_column("image", datasets.Image()).to_parquet(folder / f"{split}-0.parquet")
    return folder


@pytest.mark.parametrize("loading", ["memory", "mapped", "stream"])
def test_one_image_in_a_hundred_is_broken(command, broken, tmp_path, loading, capsys):
    assert command("--loading", loading, "--workers", "0", "--steps", "30", source=broken)[0] == 0
    assert (tmp_path / "cards" / NAME / "README.md").exists()


@pytest.mark.parametrize("loading", ["memory", "mapped", "stream"])
def test_more_broken_images_than_are_allowed(command, broken, loading):
    code, line = command(
        "--loading", loading, "--workers", "0", "--bad-images", "0.001", "--steps", "60", source=broken
    )
    assert code == 1 and "cannot be read" in line, line


def test_a_warning_ends_the_run_where_it_is_told_to(tiny, data, tmp_path, monkeypatch, forget_accelerator, capsys):
    """A learning rate that makes the loss explode: without the option it goes on."""
    recipe = tiny(steps=60, evaluate_every=20, warmup=40, learning_rate=3.0)
    monkeypatch.setitem(RECIPES, NAME, lambda: recipe)
    where = ["--data", str(data), "--cards", str(tmp_path / "cards"), "--log-every", "1"]
    assert main([NAME, *where, "--runs", str(tmp_path / "a"), "--stop-on", "exploding"]) == WARNED
    assert "exploding" in capsys.readouterr().err
    rows = read(tmp_path / "a" / NAME / "metrics.jsonl")
    assert rows[-1]["warning"] == "exploding" and rows[-1]["step"] < 60
    assert checkpoint.read_latest(tmp_path / "a" / NAME / "checkpoints")["step"] == rows[-1]["step"]


def test_a_model_that_is_split_is_refused(tiny, data, tmp_path, monkeypatch):
    class Sharded(session.Accelerator):
        distributed_type = session.DistributedType.FSDP

    monkeypatch.setattr(session, "Accelerator", Sharded)
    with pytest.raises(ValueError, match="accelerate is set to FSDP, which splits a model.*--multi_gpu"):
        train(tiny(), Options(str(data), tmp_path, tmp_path))


def test_a_second_process_in_the_same_folder(command, tmp_path):
    """In a process of its own, as a lock is of a process."""
    run = tmp_path / "runs" / NAME
    script = "import sys; from pathlib import Path; from trainers.loop.lock import run_lock\n"
    script += "with run_lock(Path(sys.argv[1])): print('in', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script, str(run)], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "in\n"
        code, line = command()
        assert code == 1 and line.startswith(f"error: another process is training in {run}; wait for it"), line
        assert not run.exists()
        other.kill()
    assert command()[0] == 0
