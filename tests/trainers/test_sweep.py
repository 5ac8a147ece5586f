"""Many runs: which there are, what becomes of each, and how they end."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from trainers.recipes import RECIPES, full_budget, get_recipe
from trainers.sweep import run as module
from trainers.sweep.__main__ import main
from trainers.sweep.devices import Slot, slots
from trainers.sweep.plan import Job, choose, decide, grid_points, plan
from trainers.sweep.run import last_lines, sweep
from vqzoo.files.storage import read_json, write_json

VQ, EMA, PQ = "cifar10-vq-1024x128", "cifar10-ema-1024x128", "cifar10-pq-8x256"
CORES_OF = getattr(os, "sched_getaffinity", lambda process: [])  # before the fixture `isolated` hides it
ALL_CORES = sorted(CORES_OF(0))


def job(of: str, **changes: object) -> Job:
    return Job(replace(get_recipe(of), **changes), (of,))


def write_card(cards: Path, of: Job, images: int, **changes: object) -> None:
    training = {"images": images, "seconds": 60.0, "device": "CPU", "recipe": of.recipe.to_dict() | changes}
    metrics = {"psnr": 22.125, "ssim": 0.5, "lpips": 0.25, "usage": None, "bits_per_image": 640.0}
    (cards / of.name).mkdir(parents=True, exist_ok=True)
    write_json(cards / of.name / "metrics.json", {"training": training, "metrics": metrics})


def summary(runs: Path) -> dict[str, dict[str, str]]:
    with (runs / "sweep.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def states(runs: Path) -> dict[str, str]:
    return {name: row["state"] for name, row in summary(runs).items()}


# --- planning --------------------------------------------------------------------------------------------------------


def test_patterns_keep_their_order_and_names_come_once(tmp_path):
    assert choose([PQ, VQ], tmp_path) == [PQ, VQ]
    both = [name for name in RECIPES if name.startswith(("cifar10-vq-", "cifar10-pq-"))]
    assert choose(["cifar10-[vp]q-*", VQ], tmp_path) == both and {VQ, PQ} < set(both)
    assert choose(["*"], tmp_path) == list(RECIPES)


def test_pending_is_what_has_no_full_card(tmp_path):
    write_card(tmp_path, job(VQ), get_recipe(VQ).images)
    assert choose(["pending"], tmp_path) == [name for name in RECIPES if name != VQ]
    assert choose([PQ, "pending"], tmp_path)[0] == PQ


@pytest.mark.parametrize(
    "patterns, words",
    [
        (["cifar10-vq-1024x12"], f"did you mean '{VQ}'"),
        ([VQ, "flowers-vqgan-1024x256x*"], "did you mean 'flowers-vqgan-1024x256'"),
        ([], "no recipe"),
    ],
)
def test_an_unknown_pattern_is_told_the_nearest_names(patterns, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        choose(patterns, tmp_path)


def test_grid_points_by_hand():
    assert grid_points([]) == [("", ())]
    assert grid_points(["quantizer.codebook_size=256, 512", "seed=1,2"]) == [
        ("-codebook-size256-seed1", ("--quantizer.codebook-size", "256", "--seed", "1")),
        ("-codebook-size256-seed2", ("--quantizer.codebook-size", "256", "--seed", "2")),
        ("-codebook-size512-seed1", ("--quantizer.codebook-size", "512", "--seed", "1")),
        ("-codebook-size512-seed2", ("--quantizer.codebook-size", "512", "--seed", "2")),
    ]


@pytest.mark.parametrize(
    "text, suffix, arguments",
    [
        ("learning-rate=3e-4", "-learning-rate3e-4", ("--learning-rate", "3e-4")),
        ("average=0.9", "-average0.9", ("--average", "0.9")),
        ("quantizer.levels=8 5 5", "-levels8-5-5", ("--quantizer.levels", "8", "5", "5")),
        ("flip=true", "-fliptrue", ("--flip",)),
        ("adversary.adaptive=False", "-adaptiveFalse", ("--adversary.no-adaptive",)),
        ("start-from=us/../model@1", "-start-fromus-..-model-1", ("--start-from", "us/../model@1")),
    ],
)
def test_a_value_in_a_name_and_on_the_command_line(text, suffix, arguments):
    assert grid_points([text]) == [(suffix, arguments)]


def test_fields_that_end_alike_are_named_in_full():
    [(suffix, _)] = grid_points(["autoencoder.width=16", "adversary.width=8", "autoencoder.blocks=1"])
    assert suffix == "-autoencoder-width16-adversary-width8-blocks1"


@pytest.mark.parametrize("grid", [["seed"], ["=1"], ["seed="], ["seed=1,,2"], ["--seed=1"], ["seed=1", "seed=2"]])
def test_a_grid_that_cannot_be_read(grid):
    with pytest.raises(ValueError, match=f"grid '{grid[-1]}': "):
        grid_points(grid)


def test_a_plan_is_recipes_times_points_each_as_the_trainer_will_read_it(tmp_path):
    runs, cards = tmp_path / "runs", tmp_path / "cards"
    jobs = plan([VQ, EMA], ["quantizer.codebook-size=256,512"], ["--steps", "3", "--batch-size", "8"], runs, cards)
    recipes = [job.recipe for job in jobs]
    assert [job.name for job in jobs] == [f"{name}-codebook-size{size}" for name in (VQ, EMA) for size in (256, 512)]
    assert [recipe.quantizer["codebook_size"] for recipe in recipes] == [256, 512, 256, 512]
    assert [recipe.quantizer["name"] for recipe in recipes] == ["vq", "vq", "ema", "ema"]
    assert {recipe.images for recipe in recipes} == {24}
    assert jobs[0].arguments == (
        *(VQ, "--steps", "3", "--batch-size", "8", "--quantizer.codebook-size", "256"),
        *("--name", f"{VQ}-codebook-size256", "--runs", str(runs), "--cards", str(cards), "--resume"),
    )
    assert plan([VQ], [], [], runs, cards) == [
        Job(get_recipe(VQ), (VQ, "--runs", str(runs), "--cards", str(cards), "--resume"))
    ]


def test_flags_of_a_grid_reach_the_recipe(tmp_path):
    jobs = plan([VQ], ["flip=true,false"], [], tmp_path, tmp_path)
    assert [job.recipe.flip for job in jobs] == [True, False]
    jobs = plan(["flowers-vqgan-1024x256"], ["adversary.adaptive=true,false"], [], tmp_path, tmp_path)
    assert [job.recipe.adversary.adaptive for job in jobs] == [True, False]


@pytest.mark.parametrize(
    "patterns, grid, arguments",
    [([VQ], ["seed=1,1"], []), ([VQ, EMA], [], ["--name", "mine"]), ([VQ], ["start-from=a/b,a@b"], [])],
)
def test_names_that_clash(patterns, grid, arguments, tmp_path):
    with pytest.raises(ValueError, match="two runs would be named"):
        plan(patterns, grid, arguments, tmp_path, tmp_path)


def test_a_setting_that_no_recipe_can_have_stops_the_plan_and_names_the_run(tmp_path, capsys):
    with pytest.raises(ValueError, match=f"^{VQ}-batch-size0: batch_size=0: expected"):
        plan([VQ], ["batch-size=8,0"], [], tmp_path, tmp_path)
    with pytest.raises(SystemExit, match="2"):
        plan(["cifar10-none-128"], ["quantizer.codebook-size=8"], [], tmp_path, tmp_path)
    assert "train.py cifar10-none-128 --help" in capsys.readouterr().err


def test_a_run_of_a_grid_has_its_recipes_full_budget():
    """The longest name that fits: another recipe's begins alike."""
    longest = "flowers-vqgan-8192x256-65-images"

    def budget(recipe: str, name: str) -> int:
        return full_budget(replace(get_recipe(recipe), name=name))

    assert budget(longest, f"{longest}-seed1") == get_recipe(longest).images
    assert budget(VQ, f"{VQ}-steps8") == get_recipe(VQ).images
    assert budget(VQ, f"{VQ}0") == 0


@pytest.mark.parametrize(
    "images, changes, state",
    [
        (None, {}, "waiting"),
        (799, {}, "waiting"),
        (800, {}, "skipped"),
        (8000, {"steps": 1000, "evaluate_every": 7}, "skipped"),
        (799, {"seed": 1}, "waiting"),
        (800, {"seed": 1}, "differs"),
        (800, {"batch_size": 4, "steps": 200}, "differs"),
        (800, {"quantizer": {"name": "vq", "codebook_size": 512}}, "differs"),
    ],
)
def test_what_is_to_be_done_with_a_run(images, changes, state, tmp_path):
    wanted = job(VQ, steps=100, batch_size=8)
    if images:
        write_card(tmp_path / "cards", wanted, images, **changes)
    assert decide(wanted, tmp_path / "runs", tmp_path / "cards")[0] == state


def test_why(tmp_path):
    wanted, runs, cards = job(VQ, steps=100, batch_size=8), tmp_path / "runs", tmp_path / "cards"
    assert decide(wanted, runs, cards)[1] == "starts"
    (runs / VQ / "checkpoints").mkdir(parents=True)
    assert decide(wanted, runs, cards)[1] == "starts"
    (runs / VQ / "checkpoints" / "step-00000004.pt").touch()
    assert decide(wanted, runs, cards)[1] == "goes on from its checkpoint"
    write_card(cards, wanted, 1800)
    assert decide(wanted, runs, cards)[1] == "has a card of 1,800 images"
    write_card(cards, wanted, 1800, seed=7)
    assert "with seed=7, not 42: " in decide(wanted, runs, cards)[1]


def test_a_card_from_before_there_were_some_fields(tmp_path):
    wanted = job(VQ, steps=100, batch_size=8)
    write_card(tmp_path, wanted, 800)
    record = read_json(tmp_path / VQ / "metrics.json")
    for key in ("adversary", "crop", "flip", "betas"):
        del record["training"]["recipe"][key]
    write_json(tmp_path / VQ / "metrics.json", record)
    assert decide(wanted, tmp_path, tmp_path)[0] == "skipped"
    assert decide(job(VQ, steps=100, batch_size=8, flip=True), tmp_path, tmp_path)[0] == "differs"


@pytest.mark.parametrize(
    "num, gpus, cores, expected",
    [
        (1, [], [0, 1, 2, 3], [Slot()]),
        (2, [], [0, 1, 2, 3], [Slot((0, 2)), Slot((1, 3))]),
        (2, [], [4, 5, 6], [Slot((4, 6)), Slot((5,))]),
        (3, [], [4, 5], [Slot((4,)), Slot((5,)), Slot((4,))]),
        (2, [], [], [Slot(), Slot()]),
        (2, ["0"], [0, 1], [Slot(), Slot()]),
        (3, ["2", "7"], [0, 1], [Slot(variables={"CUDA_VISIBLE_DEVICES": gpu}) for gpu in ("2", "7", "2")]),
        (1, ["2", "7"], [0, 1], [Slot(variables={"CUDA_VISIBLE_DEVICES": "2"})]),
    ],
)
def test_slots_by_hand(num, gpus, cores, expected):
    assert slots(num, gpus, cores) == expected


@pytest.mark.parametrize(
    "visible, gpus", [(None, ["0", "1"]), ("3,5", ["3", "5"]), ("GPU-a,GPU-b,-1", ["GPU-a", "GPU-b"])]
)
def test_gpus_are_named_as_the_environment_names_them(visible, gpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert module.list_devices()[0] == gpus


# --- running, with a stand-in for the trainer ------------------------------------------------------------------------

STUB = """
import os, pathlib, signal, sys, time

act, root, name, cards = sys.argv[1:]
root, card = pathlib.Path(root), pathlib.Path(cards, name)
ready = root / f"{name}.ready"

def wait_for(number):
    end = time.monotonic() + 60
    while len(list(root.glob("*.ready"))) < number:
        assert time.monotonic() < end
        time.sleep(0.01)

if act == "fail":
    print("a: 10%|#  | 1/10", end="\\r")
    print("Some text", flush=True)
    print("error: what was wrong", file=sys.stderr, flush=True)
    print("a: 20%|## | 2/10", flush=True)
    sys.exit(3)
if act == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if act in ("stop", "deaf"):
    if act == "stop":
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit(75)))
    ready.touch()
    for _ in range(6000):  # a signal that comes just before a long sleep would not end it
        time.sleep(0.01)
if act == "meet":
    ready.touch()
    wait_for(2)
if act == "alone":
    ready.touch()
    time.sleep(0.1)
    assert len(list(root.glob("*.ready"))) == 1
    ready.unlink()
if act == "tell":
    print("gpu", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    print("cores", sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [], flush=True)
if act != "nothing":
    card.mkdir(parents=True, exist_ok=True)
    os.replace(root / f"{name}.json", card / "metrics.json")
"""


@pytest.fixture
def anywhere(monkeypatch) -> None:
    """Runs are not pinned to cores: those that `isolated` pretends there are would stay this process's."""
    monkeypatch.setattr(module, "list_devices", lambda: ([], []))


@pytest.fixture
def play(tmp_path, anywhere) -> Callable[..., int]:
    """play({name: what its process does}, at_once=1): the exit code of a sweep over stand-ins."""

    def run(acts: dict[str, str], at_once: int = 1) -> int:
        jobs = [job(name, steps=100, batch_size=8) for name in acts]
        for each in jobs:
            write_card(tmp_path / "made", each, each.recipe.images)
            os.replace(tmp_path / "made" / each.name / "metrics.json", tmp_path / f"{each.name}.json")

        def command(job: Job) -> list[str]:
            return [sys.executable, "-S", "-c", STUB, acts[job.name], str(tmp_path), job.name, str(tmp_path / "cards")]

        return sweep(jobs, tmp_path / "runs", tmp_path / "cards", at_once, command)

    return run


@contextmanager
def signal_when(number: signal.Signals, happened: Callable[[], object]):
    """Meanwhile, send this process a signal once something has happened."""

    def send() -> None:
        end = time.monotonic() + 300
        while not happened() and time.monotonic() < end:
            time.sleep(0.01)
        if happened():
            os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    yield
    sender.join()


def test_one_that_fails_does_not_stop_the_others(play, tmp_path, capsys):
    acts = {VQ: "fail", EMA: "finish", PQ: "killed", f"{VQ}-rotation": "nothing"}
    assert play(acts) == 1
    rows = summary(tmp_path / "runs")
    assert [(row["state"], row["exit_code"]) for row in rows.values()] == [
        ("failed", "3"),
        ("finished", "0"),
        ("failed", "-9"),
        ("failed", "0"),
    ]
    assert rows[VQ]["note"] == "exit code 3: error: what was wrong"
    assert rows[PQ]["note"].startswith("killed by SIGKILL")
    assert "there is no metrics.json" in rows[f"{VQ}-rotation"]["note"]
    figures = ("images", "seed", "bits_per_image", "psnr", "ssim", "lpips", "usage")
    assert [rows[EMA][key] for key in figures] == ["800", "42", "640.0", "22.125", "0.5", "0.25", ""]
    assert [rows[VQ][key] for key in figures] == ["", "42", "", "", "", "", ""]
    printed = capsys.readouterr().out
    assert "  | Some text\n  | error: what was wrong\n" in printed and "%|" not in printed
    table = {line.split()[0]: line.split()[1:] for line in printed[printed.index("PSNR, dB") :].splitlines()[1:]}
    assert table[EMA] == ["finished", "0.0", "22.12", "640"]
    assert table[VQ] == ["failed", "0.0"]


def test_what_a_run_wrote_before_anybody_looked_is_its_output_too(play, tmp_path, monkeypatch):
    """It may be over before the sweep goes on."""

    class Over(subprocess.Popen):
        def __init__(self, *arguments, **settings):
            super().__init__(*arguments, **settings)
            self.wait()

    monkeypatch.setattr(module.subprocess, "Popen", Over)
    assert play({VQ: "fail"}) == 1
    assert summary(tmp_path / "runs")[VQ]["note"] == "exit code 3: error: what was wrong"


def test_again_only_what_is_not_finished(play, tmp_path):
    assert play({VQ: "fail", EMA: "finish"}) == 1
    assert play({VQ: "finish", EMA: "fail"}) == 0
    assert states(tmp_path / "runs") == {VQ: "finished", EMA: "skipped"}
    assert summary(tmp_path / "runs")[EMA]["psnr"] == "22.125"
    log = (tmp_path / "runs" / f"{VQ}.log").read_text()
    assert log.count("\n\n$ ") == 1 and log.startswith("$ ") and "error: what was wrong" in log
    assert play({VQ: "fail", EMA: "fail"}) == 0, "nothing was left to do"


def test_a_card_of_another_training_is_not_replaced(play, tmp_path, capsys):
    other = job(VQ, steps=100, batch_size=8, seed=7)
    write_card(tmp_path / "cards", other, 800)
    assert play({VQ: "finish", EMA: "finish"}) == 1
    assert states(tmp_path / "runs") == {VQ: "differs", EMA: "finished"}
    assert read_json(tmp_path / "cards" / VQ / "metrics.json")["training"]["recipe"]["seed"] == 7
    assert "with seed=7, not 42" in capsys.readouterr().out


def test_the_old_output_of_a_run_is_not_taken_for_its_new_one(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"error: old\n\xff\nnew  \n\nx: 5%|# | 1/20\rlast")
    assert last_lines(log, 11) == ["\ufffd", "new", "last"]


def test_at_once(play, tmp_path):
    """Two that end only when they have met, and two that fail unless alone."""
    assert play({VQ: "meet", EMA: "meet"}, at_once=2) == 0
    for path in tmp_path.glob("*.ready"):
        path.unlink()
    assert play({PQ: "alone", "cifar10-none-128": "alone", "cifar10-bsq-10": "alone"}, at_once=1) == 0


@pytest.fixture
def defaults() -> Iterator[dict[signal.Signals, signal.Handlers]]:
    """What each signal does by default, whether or not a shell has this process ignore some."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield dict.fromkeys(before, signal.SIG_DFL)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_what_runs_and_begins_nothing_more(number, defaults, play, tmp_path, capsys):
    with signal_when(number, lambda: len(list(tmp_path.glob("*.ready"))) == 2):
        assert play({VQ: "stop", EMA: "deaf", PQ: "finish"}, at_once=2) == 75
    assert states(tmp_path / "runs") == {VQ: "stopped", EMA: "stopped", PQ: "waiting"}
    assert [row["exit_code"] for row in summary(tmp_path / "runs").values()] == ["75", "-15", ""]
    assert f"{number.name}: 2 runs are asked to save and end" in capsys.readouterr().out
    assert {each: signal.getsignal(each) for each in defaults} == defaults
    assert play({VQ: "finish", EMA: "finish", PQ: "finish"}) == 0


def test_an_ignored_signal_stays_ignored(defaults, play, tmp_path):
    """As `nohup` has it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signal_when(signal.SIGHUP, lambda: bool(list(tmp_path.glob("*.ready")))):
        assert play({VQ: "alone", EMA: "finish"}) == 0


def test_no_run_is_left_when_the_sweep_itself_fails(play, tmp_path, monkeypatch):
    def full(path: Path, rows: object) -> None:
        while not list(tmp_path.glob("*.ready")):
            time.sleep(0.01)
        raise OSError("no space left")

    started = []
    start = module._start
    monkeypatch.setattr(module, "_start", lambda *each: started.append(start(*each)) or started[-1])
    monkeypatch.setattr(module, "write_summary", full)
    with pytest.raises(OSError, match="no space left"):
        play({VQ: "stop"})
    assert [each.process.returncode for each in started] == [75]


def test_several_gpus_are_dealt_out(play, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "list_devices", lambda: (["2", "7"], [0]))
    assert play({VQ: "tell", EMA: "tell"}, at_once=2) == 0
    told = [last_lines(tmp_path / "runs" / f"{name}.log", 0) for name in (VQ, EMA)]
    assert [each[-2] for each in told] == ["gpu 2", "gpu 7"]


@pytest.mark.skipif(len(ALL_CORES) < 2, reason="needs two cores, and a system that can say which")
def test_cores_are_divided_and_given_back(play, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", CORES_OF)
    monkeypatch.setattr(module, "list_devices", lambda: ([], ALL_CORES))
    assert play({VQ: "tell", EMA: "tell"}, at_once=2) == 0
    told = [last_lines(tmp_path / "runs" / f"{name}.log", 0)[-1] for name in (VQ, EMA)]
    assert told == [f"cores {ALL_CORES[0::2]}", f"cores {ALL_CORES[1::2]}"]
    assert sorted(CORES_OF(0)) == ALL_CORES


# --- the command line ------------------------------------------------------------------------------------------------


def test_a_dry_run_starts_nothing(tmp_path, capsys):
    write_card(tmp_path / "cards", job(EMA, seed=1, name=f"{EMA}-seed1", steps=2, batch_size=8), 16)
    places = ["--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards")]
    line = [VQ, EMA, "--seeds", "1", "--dry-run", *places, "--", "--steps", "2", "--batch-size", "8"]
    assert main(line) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"waiting {VQ}-seed1: starts",
        f"  python -m trainers.train {VQ} --steps 2 --batch-size 8 --seed 1 --name {VQ}-seed1 "
        f"{' '.join(places)} --resume",
        f"skipped {EMA}-seed1: has a card of 16 images",
    ]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("line", [[], ["nothing-like-it"], [VQ, "--jobs", "0"], [VQ, "--seeds", "1,,2"]])
def test_a_mistake_is_one_line_on_stderr(line, capsys):
    assert main(line) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and printed.err.count("\n") == 1


def test_a_real_sweep_that_is_stopped_and_started_again(data, tmp_path, anywhere):
    """Of two recipes one cannot be built, by a setting that suits the other."""
    runs, cards = tmp_path / "runs", tmp_path / "cards"
    name, bad = f"{VQ}-seed3", f"{PQ}-seed3"

    def line(recipes: list[str], steps: int) -> list[str]:
        places = ["--seeds", "3", "--runs", str(runs), "--cards", str(cards)]
        small = ["--data", str(data), "--dataset", "pictures", "--resolution", "16", "--latent-dim", "9"]
        small += ["--quantizer.codebook-size", "16", "--steps", str(steps), "--batch-size", "4", "--held-out", "8"]
        return [*recipes, "--jobs", "2", *places, "--", *small, "--evaluate-every", "2"]

    def saved() -> list[Path]:
        return sorted((runs / name / "checkpoints").glob("step-*.pt"))

    with signal_when(signal.SIGTERM, lambda: saved() and states(runs)[bad] == "failed"):
        assert main(line([PQ, VQ], 100_000)) == 75
    assert states(runs) == {bad: "failed", name: "stopped"}
    assert "9" in summary(runs)[bad]["note"] and "error: " in summary(runs)[bad]["note"]
    steps = int(saved()[-1].stem.removeprefix("step-")) + 2
    again = line([VQ], steps)
    assert main(again) == 0
    assert states(runs) == {name: "finished"}
    attempts = "\n".join(last_lines(runs / f"{name}.log", 0)).split("$ ")[1:]
    assert len(attempts) == 2 and "starting afresh" not in attempts[1]
    row, record = summary(runs)[name], read_json(cards / name / "metrics.json")
    assert (row["images"], row["seed"]) == (str(4 * steps), "3")
    assert float(row["psnr"]) == record["metrics"]["psnr"]
    assert record["training"]["recipe"]["seed"] == 3
    assert record["training"]["full_budget_images"] == 0  # its data set is not the recipe's
    [planned] = plan([VQ], ["seed=3"], again[again.index("--") + 1 :], runs, cards)
    assert decide(planned, runs, cards)[0] == "skipped"
