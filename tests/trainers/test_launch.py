"""The trainer as a user starts it: by accelerate's launcher, and on several processes."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

import trainers
from trainers.loop import checkpoint
from trainers.train import main
from vqzoo.analysis.log import read
from vqzoo.files.storage import read_json

from .same import without_times

NAME = "cifar10-vq-1024x128"
TRAIN = str(Path(trainers.__file__).parent / "train.py")
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--quiet", "--num_processes", "1"]

needs_trackio = pytest.mark.skipif(find_spec("trackio") is None, reason="trackio, which is optional, is not installed")


@pytest.fixture(scope="module")
def launched(tmp_path_factory, data):
    """A folder with runs/, cards/ and, where trackio is installed, tracked/ after a run from the shell."""
    root = tmp_path_factory.mktemp("launched")
    arguments = [NAME, "--data", data, "--dataset", "pictures", "--resolution", "16", "--latent-dim", "8"]
    arguments += ["--quantizer.codebook-size", "16", "--steps", "8", "--batch-size", "8", "--held-out", "8"]
    arguments += ["--evaluate-every", "4", "--runs", root / "runs", "--cards", root / "cards"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKIO_DIR", str(root / "tracked"))
        patch.chdir(root)  # a user's folder, not the checkout
        arguments += ["--track"] if find_spec("trackio") else []
        done = subprocess.run([*LAUNCH, TRAIN, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root, done


def test_from_the_shell_to_a_card(launched):
    root, done = launched
    assert f"finished: {root / 'cards' / NAME}\n" in done.stdout
    assert "step 8 of 8  loss " in done.stderr, "no line of progress"
    assert "Traceback" not in done.stderr
    assert read_json(root / "cards" / NAME / "metrics.json")["training"]["steps"] == 8


@needs_trackio
def test_tracking_stays_on_the_machine_and_holds_what_the_log_holds(launched):
    root, _ = launched
    with contextlib.closing(sqlite3.connect(root / "tracked" / "vqzoo.db")) as database:
        tracked = database.execute("select run_name, step, metrics from metrics order by id").fetchall()
    assert {name for name, _, _ in tracked} == {NAME}
    rows = [{"step": step, **json.loads(values)} for _, step, values in tracked]
    shown = [row for row in rows if "samples" in row or "use" in row]
    assert [row for row in rows if row not in shown] == read(root / "runs" / NAME / "metrics.jsonl")
    assert [(row["step"], "use" in row) for row in shown] == [(4, False), (4, True), (8, False), (8, True)]


def on_one_and_two(name: str, arguments: list[str], root: Path) -> list[Path]:
    """The run folders of a recipe on one process and on two."""
    folders = [["--runs", str(root / part / "runs"), "--cards", str(root / part / "cards")] for part in ("one", "two")]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run([*torchrun, TRAIN, name, *arguments, *folders[1]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert main([name, *arguments, *folders[0]]) == 0
    return [root / part / "runs" / name for part in ("one", "two")]


def assert_same_logs(runs: list[Path], absolute: float = 1e-5) -> list[dict]:
    """Equal to float32 rounding, wall-clock times apart; returns the rows of the first."""
    rows = [read(run / "metrics.jsonl") for run in runs]
    for row, other in zip(*rows, strict=True):
        assert row.keys() == other.keys()
        assert without_times(other) == pytest.approx(without_times(row), rel=1e-4, abs=absolute)
    return rows[0]


def test_two_processes_learn_what_one_learns(data, tmp_path):
    """Gradients, codebook statistics and first codevectors are those of the global batch."""
    arguments = ["--data", str(data), "--dataset", "pictures", "--resolution", "16"]
    arguments += ["--latent-dim", "8", "--quantizer.codebook-size", "16", "--quantizer.levels", "2", "--steps", "8"]
    arguments += ["--batch-size", "8", "--held-out", "8", "--evaluate-every", "4"]
    runs = on_one_and_two("cifar10-rvq-8x256", arguments, tmp_path)
    last = [checkpoint.read(run / "checkpoints" / "step-00000008.pt")["model"] for run in runs]
    torch.testing.assert_close(last[1], last[0], rtol=1e-5, atol=1e-5)
    assert len(assert_same_logs(runs)) == 4
    records = [read_json(run / "card" / "metrics.json") for run in runs]
    assert [record["training"]["processes"] for record in records] == [1, 2]
    assert records[1]["metrics"]["psnr"] == pytest.approx(records[0]["metrics"]["psnr"], abs=0.01)


def test_an_adversarial_run_on_two_processes(data, tmp_path):
    """The adversary's weight, LeCam's averages and the random crops are those of the global batch, too."""
    arguments = ["--data", str(data), "--dataset", "pictures", "--resolution", "16", "--crop", "12"]
    arguments += ["--latent-dim", "8", "--quantizer.codebook-size", "16", "--position", "learned", "--average", "0.9"]
    arguments += ["--autoencoder.stem", "2", "--autoencoder.widths", "4", "8", "--autoencoder.blocks", "1"]
    arguments += ["--weights.perceptual", "0", "--adversary.start", "3", "--start-from", "", "--optimizer", "adam"]
    arguments += ["--adversary.layers", "1", "--adversary.width", "4", "--adversary.lecam", "0.1", "--steps", "8"]
    arguments += ["--batch-size", "8", "--held-out", "8", "--evaluate-every", "4"]
    runs = on_one_and_two("flowers-vqgan-1024x256", arguments, tmp_path)
    # Sums of k-means are rounded otherwise where two processes add them up, and a discriminator makes more of that.
    rows = assert_same_logs(runs, absolute=1e-4)
    assert rows[-2].keys() >= {"adversarial", "discriminator", "lecam", "adversarial_weight"}
    states = [checkpoint.read(run / "checkpoints" / "step-00000008.pt") for run in runs]
    for part in ("model", "discriminator"):
        torch.testing.assert_close(states[1][part], states[0][part], rtol=1e-4, atol=1e-4)
