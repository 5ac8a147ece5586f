"""A process that stops answering does not keep the others waiting, and is named.

pytest runs the tests; the tests run this file as a script, which forks all processes of all cases.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from trainers import loop  # noqa: F401  imported once, before the forks
from trainers.loop.ranks import RANK_LOST
from trainers.loop.session import Session
from trainers.train import main

SECONDS = 6
ARGUMENTS = ["cifar10-vq-1024x128", "--dataset", "pictures", "--resolution", "16", "--latent-dim", "8"]
ARGUMENTS += ["--quantizer.codebook-size", "16", "--steps", "9999", "--batch-size", "8", "--held-out", "8"]
ARGUMENTS += ["--rank-timeout", str(SECONDS / 60)]

# Rank that stops, how, and what rank 0, or 1 where that is the one, says of it.
WAITED = f"has stopped answering; the others waited --rank-timeout {SECONDS / 60:g} minutes for it; go on with --resume"
CASES = {
    "the second hangs": (1, signal.SIGSTOP, f"error: rank 1 {WAITED}"),
    "the first hangs": (0, signal.SIGSTOP, f"error: rank 0 {WAITED}"),
    "the second is killed": (1, signal.SIGKILL, "error: another process of this run has ended; what it printed last"),
}


def train(folder: Path, data: str, rank: int, port: int, signal_number: int) -> None:
    """Be one process of a run; one with a signal gets it after some steps, as where a machine hangs."""
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": 2, "RANK": rank, "LOCAL_RANK": rank}
    os.environ |= {name: str(value) for name, value in meeting.items()}
    os.sched_getaffinity = lambda process: {0}
    with (folder / f"errors{rank}").open("w") as errors:
        os.dup2(errors.fileno(), 2)
    log_step = Session.log_step

    def log(self: Session, result: object, done: int) -> None:
        log_step(self, result, done)
        if done == 20 and signal_number:
            (folder / "stopped").touch()
            os.kill(os.getpid(), signal_number)

    Session.log_step = log
    where = ["--data", data, "--runs", str(folder / "runs"), "--cards", str(folder / "cards")]
    code = main([*ARGUMENTS, *where])
    sys.stderr.flush()
    os._exit(code)


def run(folder: Path, data: str) -> None:
    """Train every case, all at once, and tell the exit codes of the processes that wait."""
    children = {}
    for name, (stops, number, _) in CASES.items():
        (folder / name).mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for rank in (0, 1):
            child = os.fork()
            if child == 0:
                train(folder / name, data, rank, port, number if rank == stops else 0)
            children[name, rank] = child
    ended = {}
    for name, (stops, _, _) in CASES.items():
        _, status = os.waitpid(children[name, 1 - stops], 0)
        ended[name] = os.waitstatus_to_exitcode(status)
        os.kill(children[name, stops], signal.SIGKILL)
    (folder / "ended.json").write_text(json.dumps(ended))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, data) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    subprocess.run([sys.executable, __file__, folder, data], check=True, timeout=200, stdout=subprocess.DEVNULL)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_the_others_end_in_time_and_say_which(folder, case):
    stops, _, message = CASES[case]
    path = folder / case / f"errors{1 - stops}"
    errors = path.read_text()
    assert json.loads((folder / "ended.json").read_text())[case] == RANK_LOST, errors
    assert message in errors and "Traceback" not in errors
    stopped = folder / case / "stopped"
    assert path.stat().st_mtime - stopped.stat().st_mtime < 2 * SECONDS


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
