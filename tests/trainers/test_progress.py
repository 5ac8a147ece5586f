"""A bar on a terminal, lines without one, and a step that costs nothing."""

import os
import subprocess
import sys
import time

import pytest

from trainers.loop import progress
from trainers.loop.progress import Progress

ROW = {"loss": 0.01234, "images_per_second": 412.4, "learning_rate": 1e-3}


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    """Whatever the tests themselves run in."""
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets: clock[0] is the time in seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_without_a_terminal_a_row_is_a_line(capsys, clock):
    """200 steps in 40 seconds leave 950 x 0.2 = 190 seconds."""
    with Progress("some-run", 1050, 2200) as bar:
        for step in range(1050, 1250):
            clock[0] += 0.2
            bar.advance(ROW if step == 1249 else None)
    printed = capsys.readouterr()
    assert printed.err == "step 1,250 of 2,200  loss 0.01234  412 images/s  3:10 to go\n"
    assert printed.out == ""


def test_rows_without_a_loss_are_no_line(capsys):
    with Progress("some-run", 0, 10) as bar:
        bar.advance({"held_out": 0.5})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "seconds, shown", [(0, "0:00"), (59.6, "1:00"), (190, "3:10"), (7_384, "2:03:04"), (4e5, "111:06:40")]
)
def test_time_to_go(seconds, shown):
    assert progress._clock(seconds) == shown


def test_what_is_said_is_said_as_it_is(capsys):
    text = "runs/[red]a[/red] :smile: is at step 3 " + "x" * 200
    with Progress("some-run", 0, 10) as bar:
        bar.print(text)
    assert capsys.readouterr().err == text + "\n"


def test_other_processes_are_silent(capsys):
    with Progress("some-run", 0, 10, enabled=False) as bar:
        bar.advance(ROW)
        bar.print("hello")
    assert capsys.readouterr() == ("", "")


def test_a_step_costs_little():
    """A step of the smallest recipe takes milliseconds."""
    steps = 20_000
    with Progress("some-run", 0, steps) as bar:
        began = time.perf_counter()
        for _ in range(steps):
            bar.advance()
        assert (time.perf_counter() - began) / steps < 1e-4


SCRIPT = """
import sys
from trainers.loop.progress import Progress
with Progress("a-[bold]name", 0, 1200) as bar:
    for step in range(600):
        bar.advance({"loss": 0.01234, "images_per_second": 412.4} if step % 50 == 49 else None)
    bar.print("[red]warned")
    bar.bar.refresh()
    print("done")
"""


def test_on_a_terminal_there_is_a_bar_and_messages_stand_above_it():
    """Standard error is a terminal, standard output a pipe, which gets what is printed and nothing else."""
    parent, child = pytest.importorskip("pty", reason="this system has no pseudo-terminals").openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=child, env=environment, check=True, timeout=60
    )
    os.close(child)
    drawn = b""
    try:
        while part := os.read(parent, 65536):
            drawn += part
    except OSError:  # how Linux says that nobody writes any more
        pass
    os.close(parent)
    assert done.stdout == b"done\n"
    text = drawn.decode()
    for shown in ("a-[bold]name", "600/1,200", "loss 0.01234", "412 images/s"):
        assert shown in text
    assert "[red]warned\r\n" in text
    assert text.rindex("[red]warned") < text.rindex("600/1,200")
    assert "step 600 of" not in text
