"""What goes wrong ends in one clear line and an exit code, and costs nothing that was there."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor

from trainers.loop import checkpoint
from trainers.loop.fit import fit
from trainers.loop.options import Options
from trainers.loop.session import Session
from trainers.loop.signals import STOPPED
from trainers.recipes import RECIPES
from trainers.train import main
from vqzoo.analysis.log import read
from vqzoo.files.storage import read_json

NAME = "cifar10-vq-1024x128"


def test_a_small_run_as_it_should_be(command, tmp_path):
    assert command()[0] == 0
    assert (tmp_path / "cards" / NAME / "README.md").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["--data", "/no/such"],
            "data folder '/no/such' does not exist; expected pictures or parquet files",
        ),
        (["--data", ""], "data folder '' does not exist; expected pictures or parquet files"),
        (["--batch-size", "10000000"], "batch_size=10000000: a step needs "),
        (["--held-out", "48"], "held_out=48: expected from 1 to 47, the train split less one"),
        (["--held-out", "0"], "held_out=0: expected a whole number from 1 to"),
        (["--steps", "0"], "steps=0: expected a whole number from 1 to"),
        (["--batch-size", "0"], "batch_size=0: expected a whole number from 1 to"),
        (["--evaluate-every", "0"], "evaluate_every=0: expected a whole number from 1 to"),
        (["--warmup", "-1"], "warmup=-1: expected a whole number from 0 to"),
        (["--learning-rate", "0"], "learning_rate=0.0: expected a finite number above 0"),
        (["--learning-rate", "nan"], "learning_rate=nan: expected a finite number above 0"),
        (["--precision", "fp16"], "precision='fp16' needs a GPU; on a CPU there are 'bf16' and 'no'"),
        (["--quantizer.name", "vqq"], "quantizer='vqq': did you mean 'vq'"),
        (["--quantizer.codebook-size", "0"], "codebook_size=0: expected a whole number from 1"),
        (["--position", "sinusoidal", "--latent-dim", "6"], "dim=6: a 2-D sinusoidal encoding needs a multiple of 4"),
        (["--channels", "2"], "channels=2: expected 1 .grey. or 3 .RGB."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings_that_do_not_fit(command, tmp_path, overrides, message):
    code, line = command(*overrides)
    assert code == 1 and re.match(f"error: {message}", line), line
    assert not list(tmp_path.rglob("*.pt")) and not list(tmp_path.rglob("*.json"))


@pytest.fixture
def fsq(tiny, monkeypatch):
    """The name of a recipe with a setting that is several numbers."""
    recipe = tiny("fsq", steps=2)
    monkeypatch.setitem(RECIPES, NAME, lambda: recipe)
    return recipe.name


def test_a_setting_of_several_numbers_is_given_as_several_words(fsq, data, tmp_path):
    where = ["--data", str(data), "--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards")]
    assert main([fsq, *where, "--quantizer.levels", "5", "3", "2"]) == 0
    assert read_json(tmp_path / "runs" / fsq / "recipe.json")["quantizer"] == {"name": "fsq", "levels": [5, 3, 2]}
    assert read_json(tmp_path / "cards" / fsq / "config.json")["quantizer"]["levels"] == [5, 3, 2]
    assert main([fsq, *where, "--quantizer.levels", "5", "3", "2", "--resume", "--steps", "4"]) == 0


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (["5", "1"], "levels=1: expected a whole number from 2 to 65536"),
        ([], r"levels=\(\): expected a list of whole numbers, one a channel, such as \[8, 5, 5, 5\]"),
    ],
    ids=str,
)
def test_several_numbers_that_do_not_fit(fsq, data, tmp_path, capsys, levels, message):
    where = ["--data", str(data), "--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards")]
    assert main([fsq, *where, "--quantizer.levels", *levels]) == 1
    assert re.match(f"error: {message}", capsys.readouterr().err.rstrip("\n").split("\n")[-1])
    assert not (tmp_path / "runs").exists()


def test_several_numbers_of_which_one_is_none(fsq, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([fsq, "--quantizer.levels", "5", "x"])
    assert stopped.value.code == 2 and "--quantizer.levels" in capsys.readouterr().err


def test_a_loss_term_without_a_weight(tiny, data, tmp_path, monkeypatch, capsys):
    recipe = tiny(weights={"reconstruction": 1.0, "commitment": 0.25})
    monkeypatch.setitem(RECIPES, NAME, lambda: recipe)
    assert main([NAME, "--data", str(data), "--runs", str(tmp_path), "--cards", str(tmp_path)]) == 1
    line = capsys.readouterr().err.rstrip("\n").split("\n")[-1]
    expected = "weights: the loss term 'codebook' has no weight; given are: commitment, reconstruction"
    assert line == f"error: {expected}"


def test_a_data_set_without_a_train_split_is_found_before_training(command, tmp_path, pictures, write_dataset):
    folder = write_dataset(tmp_path / "half", test=pictures(48, 0))
    code, line = command("--data", str(folder))
    assert code == 1 and line.startswith("error: data set 'pictures' has no split 'train'; it has: test; --splits ")
    assert not (tmp_path / "runs").exists()


def test_an_unknown_recipe_and_the_nearest_names(command):
    code, line = command(name="cifar10-vqq-1024x128")
    assert code == 1 and line.startswith("error: recipe='cifar10-vqq-1024x128': did you mean 'cifar10-vq-1024x128' or ")


@pytest.mark.parametrize(
    ("unknown", "nearest"),
    [
        ("--batchsize", "--batch-size"),
        ("--adversary.with", "--adversary.width"),
        ("--resum", "--resume"),
    ],
)
def test_an_unknown_key_and_the_nearest_one(capsys, unknown, nearest):
    with pytest.raises(SystemExit) as stopped:
        main([NAME, unknown, "3"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "Perhaps you meant" in error and re.search(rf"{nearest}\b", error)


def test_help_lists_recipes_and_what_can_be_overridden(capsys):
    for arguments in ([], ["-h"], ["--help"]):
        assert main(arguments) == 0
        printed = capsys.readouterr().out
        listed = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
        assert listed == list(RECIPES)
    with pytest.raises(SystemExit) as stopped:
        main([NAME, "--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    for key in ("--steps", "--quantizer.codebook-size", "--weights.commitment", "--resume", "--track", "--data"):
        assert key in printed


def test_tracking_without_trackio(command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trackio", None)
    code, line = command("--track")
    assert code == 1 and line.startswith("error: --track needs trackio (pip install trackio)")
    assert not (tmp_path / "runs").exists()


def test_a_full_disk(command, tmp_path, monkeypatch):
    write_step = checkpoint.write_step

    def full(folder, step, state):
        if step == 6:
            raise OSError(28, "No space left on device")
        write_step(folder, step, state)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_step", full)
        assert command() == (1, "error: [Errno 28] No space left on device")
    assert checkpoint.read_latest(tmp_path / "runs" / NAME / "checkpoints")["step"] == 4
    assert command("--resume")[0] == 0


def poison(session: Session, at: int, spoil: Callable[[Tensor], Tensor]) -> None:
    """Give the reconstruction term of the training step `at`, counted from 0, to `spoil`."""
    steps = count()

    def hook(module, arguments, terms):
        if torch.is_grad_enabled() and next(steps) == at:
            return terms | {"reconstruction": spoil(terms["reconstruction"])}

    session.parts.image_terms.register_forward_hook(hook)


def nan_loss(loss: Tensor) -> Tensor:
    return loss * torch.nan


def nan_gradient(loss: Tensor) -> Tensor:
    loss.register_hook(lambda gradient: gradient * torch.nan)
    return loss


def huge_gradient(loss: Tensor) -> Tensor:
    loss.register_hook(lambda gradient: gradient * 1e30)
    return loss


@pytest.mark.parametrize(
    ("spoil", "at", "kept", "message"),
    [
        # The weights after the loss of step 5 are not; it is the latents of step 6 that show it.
        (nan_loss, 4, 4, "no longer a number at step 6: latents: .* learning rate.*; the last good checkpoint is kept"),
        (nan_loss, 5, 4, "no longer a number at step 6: .*the last good checkpoint is kept in .*--learning-rate"),
        # The loss of step 6 is still a number; the weights after it are not.
        (nan_gradient, 5, 4, "no longer a number at step 6: latents: .*; the last good checkpoint is kept"),
        (nan_gradient, 0, None, "no longer a number at step 2"),
    ],
)
def test_a_loss_that_is_no_number(command, tiny, data, tmp_path, spoil, at, kept, message):
    session = Session(tiny(), Options(str(data), tmp_path / "runs", tmp_path / "cards"))
    poison(session, at, spoil)
    with pytest.raises(FloatingPointError, match=f"^{message}"):
        fit(session)
    run = tmp_path / "runs" / NAME
    saved = [checkpoint.read(path) for path in run.rglob("*.pt")]
    assert len(saved) == (0 if kept is None else 3)  # two steps and the best
    for state in saved:
        assert all(tensor.isfinite().all() for tensor in state["model"].values())
    latest = checkpoint.read_latest(run / "checkpoints")
    assert (latest["step"] if latest else None) == kept
    assert all(row["step"] <= (kept or 0) + 2 for row in read(run / "metrics.jsonl"))
    assert command(*(["--resume"] if kept else []), "--learning-rate", "1e-4")[0] == 0


def test_a_loss_that_is_no_number_is_noticed_before_the_next_evaluation(tiny, data, tmp_path):
    options = Options(str(data), tmp_path / "runs", tmp_path / "cards", log_every=3)
    session = Session(tiny(evaluate_every=8), options)
    poison(session, 1, nan_loss)
    with pytest.raises(FloatingPointError, match="at step 3: latents: 1024 of 1024 numbers are NaN"):
        fit(session)


def test_an_optimizer_that_is_no_longer_finite_is_not_saved(tiny, data, tmp_path):
    """A gradient so large that its square overflows: weights and losses stay numbers, Adam's state does not."""
    session = Session(tiny(), Options(str(data), tmp_path / "runs", tmp_path / "cards"))
    poison(session, 5, huge_gradient)
    with pytest.raises(FloatingPointError, match=r"optimizer\.state\.\d+\.exp_avg_sq is no longer finite"):
        fit(session)
    assert checkpoint.read_latest(tmp_path / "runs" / NAME / "checkpoints")["step"] == 4


def test_ctrl_c_before_the_first_step_is_a_clean_end(command, monkeypatch):
    import trainers.loop.fit

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainers.loop.fit, "train", interrupted)
    assert command() == (75, "stopped: Ctrl-C; go on with --resume")


@pytest.mark.parametrize("command", [["trainers/train.py", "cifar10-vq-1024x128"], ["-m", "vqzoo.cli", "train", "."]])
def test_ctrl_c_while_python_still_imports_is_a_clean_end(command):
    line = [sys.executable, "-X", "importtime", *command]  # which tells what is being imported
    process = subprocess.Popen(
        line, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    late = threading.Timer(60, process.kill)
    late.start()
    for told in process.stderr:
        if " tyro." in told:
            process.send_signal(signal.SIGINT)
            break
    output = [told for told in process.stderr.read().splitlines() if not told.startswith("import time:")]
    assert process.wait(60) == STOPPED
    late.cancel()
    assert len(output) == 1 and output[0].startswith("stopped: Ctrl-C; go on with ")


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_memory_that_runs_out_is_a_sentence(command, monkeypatch, error):
    import trainers.loop.fit

    def fails(*_):
        raise error

    monkeypatch.setattr(trainers.loop.fit, "train", fails)
    code, line = command()
    assert code == 1 and line.startswith("error: memory ran out; expected a smaller --batch-size, or --accumulate")


def test_a_damaged_description_of_a_data_set_is_a_sentence(command, tmp_path, pictures, write_dataset):
    folder = write_dataset(tmp_path / "yaml", train=pictures(48, 0), test=pictures(8, 1))
    (folder / "README.md").write_text("---\nconfigs: [{: }\n  - :\n---\n")
    code, line = command("--data", str(folder))
    assert code == 1 and line.startswith("error: data set 'pictures' could not be loaded from ")
