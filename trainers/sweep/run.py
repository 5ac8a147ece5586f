"""Run the processes of a sweep, several at a time."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trainers.loop.signals import STOPPED
from trainers.sweep.devices import Slot, list_devices, pinned_to, slots
from trainers.sweep.plan import Job, decide
from trainers.sweep.summary import Row, table, write_summary
from vqzoo.metrics.table import show

_POLL = 0.2
_print = partial(print, flush=True)
_SHOWN = 8
"""Lines of a failed run's log to print."""
_BAR = re.compile(r"\d%\|")
_ERROR = re.compile(r"error: |stopped: |[\w.]+(Error|Exception|Interrupt)\b")


def train_command(job: Job) -> list[str]:
    """Return the command of a run's process."""
    return [sys.executable, "-m", "trainers.train", *job.arguments]


@dataclass
class _Running:
    row: Row
    slot: Slot
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    clock: float


def sweep(
    jobs: Sequence[Job], runs: Path, cards: Path, at_once: int = 1, command: Callable[[Job], list[str]] = train_command
) -> int:
    """Train the runs that are not finished, `at_once` at a time; print how each ended, and a table.

    `command` gives the command of a run's process. Returns the exit code: 0 if all are finished, 75 if a signal stopped
    the sweep, otherwise 1.
    """
    runs.mkdir(parents=True, exist_ok=True)
    rows = [_first_row(job, runs, cards) for job in jobs]
    waiting = [(job, row) for job, row in zip(jobs, rows, strict=True) if row.state == "waiting"]
    at_once = min(at_once, len(waiting))
    _print(f"{len(waiting)} of {len(jobs)} runs to do" + (f", {at_once} at once" if at_once > 1 else ""))
    free = slots(at_once, *list_devices())
    running: list[_Running] = []
    forwarded = False
    with _received_signals() as received:
        try:
            while running or (waiting and not received):
                while waiting and free and not received:
                    running.append(_start(*waiting.pop(0), free.pop(0), runs, command))
                    write_summary(runs / "sweep.csv", rows)
                if received and not forwarded:
                    _print(f"{signal.Signals(received[0]).name}: {len(running)} runs are asked to save and end")
                    forwarded = True
                    for each in running:
                        each.process.terminate()
                for each in [each for each in running if each.process.poll() is not None]:
                    running.remove(each)
                    free.append(each.slot)
                    _end(each, cards, forwarded)
                    write_summary(runs / "sweep.csv", rows)
                time.sleep(_POLL)
        finally:  # after an error of the sweep itself, such as a full disk, no run must continue unobserved
            for each in running:
                each.process.terminate()
            for each in running:
                each.process.wait()
    write_summary(runs / "sweep.csv", rows)
    _print("\n" + table(rows))
    if all(row.state in ("finished", "skipped") for row in rows):
        return 0
    return STOPPED if received else 1


def _first_row(job: Job, runs: Path, cards: Path) -> Row:
    state, note = decide(job, runs, cards)
    row = Row(job.name, state, seed=job.recipe.seed, note=note)
    if state == "skipped":
        row.read_card(cards)
    if state != "waiting":
        _print(f"{state} {row.name}: {note}")
    return row


def _start(job: Job, row: Row, slot: Slot, runs: Path, command: Callable[[Job], list[str]]) -> _Running:
    log = runs / f"{job.name}.log"
    words = command(job)
    with log.open("ab") as file, pinned_to(slot.cores):
        newline = "\n" if file.tell() else ""  # a run that was killed leaves half a line
        file.write(f"{newline}$ {shlex.join(words)}\n".encode())
        file.flush()
        start = file.tell()  # before the run writes
        # With a session of its own the run gets Ctrl-C only from the sweep, and once.
        environment = os.environ | slot.variables
        process = subprocess.Popen(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _print(f"running {job.name} ({row.note}), output in {log}")
    row.state, row.note = "running", ""
    return _Running(row, slot, process, log, start, time.monotonic())


def _end(ended: _Running, cards: Path, stopping: bool) -> None:
    """Record and print how a run ended."""
    row, code = ended.row, ended.process.returncode
    row.exit_code, row.minutes = code, round((time.monotonic() - ended.clock) / 60, 2)
    if code == 0:
        try:
            row.read_card(cards)
            row.state = "finished"
            _print(f"finished {row.name}: {row.minutes:.1f} minutes, {show('psnr', row.metrics['psnr'])} dB")
        except ValueError as error:
            row.state, row.note = "failed", str(error)
            _print(f"failed {row.name}: {row.note}")
    elif code == STOPPED or (stopping and code == -signal.SIGTERM):  # SIGTERM before its handler was set
        row.state, row.note = "stopped", "goes on when the sweep is started again"
        _print(f"stopped {row.name}")
    else:
        lines = last_lines(ended.log, ended.log_start)
        errors = [line for line in lines if _ERROR.match(line)] or lines[-1:] or ["no output"]
        row.state, row.note = "failed", f"{_exit(code)}: {errors[-1].strip()}"
        _print(f"failed {row.name}: {_exit(code)}; the end of {ended.log}:")
        _print("\n".join(f"  | {line}" for line in lines[-_SHOWN:]))


def last_lines(log: Path, start: int) -> list[str]:
    """Return the lines of a log from byte `start` on, without empty lines and progress bars."""
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode("utf-8", errors="replace")
    return [line.rstrip() for line in text.splitlines() if line.strip() and not _BAR.search(line)]


def _exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}" + (" (out of memory?)" if code == -signal.SIGKILL else "")


@contextmanager
def _received_signals() -> Iterator[list[int]]:
    """Collect the signals that ask to end, in a list; signals that are ignored, as under nohup, stay ignored."""
    received: list[int] = []
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
    before = {
        number: signal.signal(number, lambda number, frame: received.append(number))
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
