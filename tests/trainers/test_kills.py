"""A run that is killed again and again, at moments that nobody chose, ends where it would have ended."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trainers.loop.signals import STOPPED

from .same import assert_same_runs

NAME = "cifar10-vq-1024x128"
KILLS = 20
STEPS = 200

# Imports everything once; then each line on its input is one life: a forked process that trains, and that is sent a
# signal after so many seconds, if it still lives.
NURSERY = """
import json, os, signal, sys, time
from pathlib import Path

os.sched_getaffinity = lambda process: {0}
import torch
torch.set_num_threads(1)
from trainers.loop.options import Options
from trainers.recipes.recipe import Recipe
from trainers.loop.signals import Stopped
from trainers.loop.fit import train

recipe, options = json.loads(sys.argv[1]), json.loads(sys.argv[2])
for line in sys.stdin:
    seconds, number = json.loads(line)
    child = os.fork()
    if child == 0:
        os.close(0)
        where = options["data"], Path(options["runs"]), Path(options["cards"])
        try:
            train(Recipe.from_dict(recipe), Options(*where, resume=True, save_minutes=0, log_every=7))
            code = 0
        except Stopped as stopped:
            code = stopped.code
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            code = 1
        os._exit(code)
    end = time.monotonic() + seconds
    ended = 0
    while time.monotonic() < end and not ended:
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.001)
    if not ended:
        os.kill(child, number)
        ended, status = os.waitpid(child, 0)
    print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)
"""

NEVER = 1e6


class Nursery:
    """Runs of one recipe in a folder of their own, each a process with a given time to live."""

    def __init__(self, root: Path, recipe: dict, data: Path):
        options = {"data": str(data), "runs": str(root / "runs"), "cards": str(root / "cards")}
        command = [sys.executable, "-c", NURSERY, json.dumps(recipe), json.dumps(options)]
        self.run, self.errors = root / "runs" / NAME, root / "errors"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                command, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )

    def live(self, seconds: float, number: int = signal.SIGKILL) -> int:
        """The exit code of a life that is ended by the signal after so many seconds; minus the signal if that did."""
        self.process.stdin.write(json.dumps([seconds, int(number)]) + "\n")
        lines = iter(self.process.stdout.readline, "")
        for line in lines:
            if line.strip().lstrip("-").isdigit():
                return int(line)
        raise AssertionError(self.errors.read_text())

    @property
    def step(self) -> int:
        """Of the newest checkpoint."""
        names = [path.stem for path in (self.run / "checkpoints").glob("step-*.pt")]
        return max((int(name.removeprefix("step-")) for name in names), default=0)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory, tiny, data):
    """nursery(part): a short run that draws random numbers and saves after every step."""
    recipe, made = tiny("gumbel", steps=STEPS, evaluate_every=50, accumulate=2, flip=True, crop=12), []

    def build(part: str) -> Nursery:
        made.append(Nursery(tmp_path_factory.mktemp(part), recipe.to_dict(), data))
        return made[-1]

    yield build
    for each in made:
        each.process.communicate()


@pytest.fixture(scope="module")
def whole(nursery) -> Path:
    """The folder of the run that nothing happened to."""
    made = nursery("whole")
    assert made.live(NEVER) == 0, made.errors.read_text()
    return made.run


def test_killed_at_twenty_random_moments(nursery, whole):
    broken, moments = nursery("broken"), random.Random(0)
    kills, seconds = [0], 0.5
    while len(kills) <= KILLS:
        code = broken.live(moments.uniform(0.2, 1.0) * seconds)
        assert code == -signal.SIGKILL, f"over after {len(kills)} lives: {kills}; {broken.errors.read_text()}"
        # A life that was too short to get anywhere makes the next one longer; one that got far, shorter.
        got = broken.step - kills[-1]
        seconds *= 1.5 if got == 0 else 0.6 if got > 6 else 1
        kills.append(broken.step)
    assert len(set(kills)) > 5, f"killed at the same places: {kills}"
    assert broken.live(NEVER) == 0, broken.errors.read_text()
    assert_same_runs(whole, broken.run, STEPS)


def test_told_to_end_it_saves_and_says_so_by_its_exit_code(nursery, whole):
    """SIGTERM, as machines that are taken away send it."""
    told, seconds, steps = nursery("told"), 0.5, [0]
    while len(steps) < 4:
        code = told.live(seconds, signal.SIGTERM)
        assert code in (STOPPED, -signal.SIGTERM), told.errors.read_text()
        if code == STOPPED:
            steps.append(told.step)
        seconds *= 1 if code == STOPPED else 1.5  # before its first step it has nothing to save
    assert steps == sorted(set(steps)), "nothing was saved"
    assert told.live(NEVER) == 0, told.errors.read_text()
    assert_same_runs(whole, told.run, STEPS)
