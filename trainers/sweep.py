"""Train many recipes, or one at many settings: python -m trainers.sweep PATTERN [--grid ...] [--jobs N] [-- ...]

Each run is a process of its own, so that none takes another with it when it fails: a process that is killed for its
memory, or a GPU error that cannot be recovered from, ends that run alone. Six at once make three to five times as much
of a GPU as one (benchmarks/RESULTS.md). Baselines (trainers/baselines/) are not covered: they have another command
line, and take minutes.
"""

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from trainers.loop.signals import STOPPED
from trainers.pending import pending
from trainers.recipes import RECIPES, get_recipe
from trainers.recipes.recipe import Recipe
from trainers.train import Run
from vqzoo.files.storage import read_json, write_text
from vqzoo.hub.card import METRICS as RECORD
from vqzoo.metrics.table import METRICS, names, show
from vqzoo.ops.check import check_choice, check_int
from vqzoo.ops.text import csv_text

_POLL = 0.2
_SHOWN = 8
"""Lines of a failed run's log to print."""
_LENGTH = {"steps", "evaluate_every"}
"""Fields in which a card's recipe may be another: a longer training than the wanted one serves as well."""
FIGURES = ("bits_per_image", *names("image", place="models"), "usage")
"""Metrics of a card that sweep.csv has columns of."""
_BAR = re.compile(r"\d%\|")
_ERROR = re.compile(r"error: |stopped: |[\w.]+(Error|Exception|Interrupt)\b")


def _plain(metavar: str) -> object:
    """Without "(default: )" in the help."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="")


@dataclass(frozen=True)
class Options:
    """Train many recipes, or one at many settings, each run in a process of its own.

    What has a card at the wanted length is skipped, what was begun goes on, and what failed is tried again, so the same
    line may be given until all is done. SIGTERM and Ctrl-C let the runs save, and then end the sweep with exit code 75.

    All that follows "--" is for trainers/train.py, for instance: -- --steps 1200 --batch-size 64 --data FOLDER
    """

    patterns: Annotated[tuple[str, ...], tyro.conf.Positional, _plain("PATTERN [PATTERN ...]")]
    """Recipes: names, quoted wildcards as in "cifar10-*", or "pending": what trainers.pending lists, in its order."""
    grid: Annotated[tuple[str, ...], _plain("FIELD=V,V,... [FIELD=V,V,... ...]")] = ()
    """Values to train each recipe at, all combinations, named <recipe>-<field><value>...; a list is "8 5 5,8 6 5"."""
    seeds: Annotated[str, _plain("N,N,...")] = ""
    """The same as --grid seed=N,N,..."""
    jobs: int = 1
    """Runs at once. They share a GPU; of several each gets one in turn; without any, CPU cores are divided."""
    dry_run: bool = False
    """Only say what would be done."""
    runs: Path = Path("runs")
    """Folder of run folders; also gets the output of each run as <name>.log, and sweep.csv with a row a run."""
    cards: Path = Path("model_cards")
    """Folder that gets the finished <name>/, and that tells what is finished already."""


# --- planning --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """A run: what it trains, and the arguments that make trainers/train.py do so."""

    recipe: Recipe
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.recipe.name


def choose(patterns: Sequence[str], cards: Path) -> list[str]:
    """Names of recipes, each once, in the order of the patterns and then of the table.

    Raises ValueError with the nearest names for a pattern that fits none.
    """
    if not patterns:
        raise ValueError('no recipe: expected names, wildcards such as "cifar10-*", or pending')
    chosen: dict[str, None] = {}
    for pattern in patterns:
        if pattern == "pending":
            names = [row.name for row in pending(cards)]
        else:
            names = [name for name in RECIPES if fnmatchcase(name, pattern)]
            if not names:
                check_choice("pattern", pattern, ["pending", *RECIPES])
        chosen |= dict.fromkeys(names)
    return list(chosen)


def grid_points(grid: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """All combinations of the values in texts FIELD=V,V,..., the last field's changing fastest; of no texts, one.

    Each is (what it adds to a recipe's name, arguments of trainers/train.py). Raises ValueError for other texts.
    """
    axes: dict[str, list[str]] = {}
    for text in grid:
        key, _, values = text.partition("=")
        key, split = key.strip().replace("_", "-"), [value.strip() for value in values.split(",")]
        if not re.fullmatch(r"\w[\w.-]*", key) or not all(split):
            raise ValueError(f"grid {text!r}: expected FIELD=VALUE,VALUE,... as in quantizer.codebook-size=256,512")
        if key in axes:
            raise ValueError(f"grid {text!r}: {key} is there twice; expected all its values after one =")
        axes[key] = split
    last = [key.rpartition(".")[2] for key in axes]
    labels = [name if last.count(name) == 1 else key.replace(".", "-") for key, name in zip(axes, last, strict=True)]
    points = []
    for point in itertools.product(*axes.values()):
        suffix = "".join(
            f"-{label}{re.sub(r'[^A-Za-z0-9.+-]+', '-', value)}" for label, value in zip(labels, point, strict=True)
        )
        points.append((suffix, tuple(word for pair in zip(axes, point, strict=True) for word in _setting(*pair))))
    return points


def _setting(key: str, value: str) -> tuple[str, ...]:
    """A field and its value as tyro takes them: flags have a form of their own, a list is several words."""
    if value.lower() in ("true", "false"):
        group, dot, last = key.rpartition(".")
        return (f"--{group}{dot}{'no-' if value.lower() == 'false' else ''}{last}",)
    return (f"--{key}", *value.split())


def plan(patterns: Sequence[str], grid: Sequence[str], arguments: Sequence[str], runs: Path, cards: Path) -> list[Job]:
    """Every chosen recipe at every point of the grid; `arguments` are for all of them.

    Raises ValueError for unknown recipes, settings that no recipe can have, and names that come twice; for settings
    that a recipe does not know, it exits as trainers/train.py would.
    """
    jobs: dict[str, Job] = {}
    points = grid_points(grid)
    for name in choose(patterns, cards):
        for suffix, settings in points:
            line = [*arguments, *settings]
            line += ["--name", name + suffix] if suffix else []
            line += ["--runs", str(runs), "--cards", str(cards), "--resume"]
            try:
                recipe = tyro.cli(Run, default=Run(get_recipe(name)), args=line, prog=f"train.py {name}").recipe
            except ValueError as error:
                raise ValueError(f"{name}{suffix}: {error}") from error
            if recipe.name in jobs:
                raise ValueError(f"two runs would be named {recipe.name}; expected a name and a grid value once each")
            jobs[recipe.name] = Job(recipe, (name, *line))
    return list(jobs.values())


def decide(job: Job, runs: Path, cards: Path) -> tuple[str, str]:
    """The state in which a sweep finds a run, and why: "skipped" where a card of as many images has the same recipe,
    "differs" where it has another one, so that a training would replace it; otherwise "waiting", to start or go on."""
    path = cards / job.name / RECORD
    if path.exists():
        training = read_json(path)["training"]
        if training["images"] >= job.recipe.images:
            before = Recipe.from_dict(training["recipe"]).to_dict()
            for key, value in job.recipe.to_dict().items():
                if key not in _LENGTH and before[key] != value:
                    return "differs", (
                        f"{path.parent} was trained on as many images with {key}={before[key]!r}, not {value!r}: "
                        "move it away, or give another --cards folder"
                    )
            return "skipped", f"has a card of {training['images']:,} images"
    begun = any((runs / job.name / "checkpoints").glob("step-*.pt"))
    return "waiting", "goes on from its checkpoint" if begun else "starts"


@dataclass(frozen=True)
class Seat:
    """What one of several runs at once may use: CPU cores, none meaning any, and variables of its environment."""

    cores: tuple[int, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


def seats(num: int, gpus: Sequence[str], cores: Sequence[int]) -> list[Seat]:
    """Several GPUs in turn; one GPU for all; of CPU cores an equal part each, at least one."""
    if len(gpus) > 1:
        return [Seat(variables={"CUDA_VISIBLE_DEVICES": gpus[seat % len(gpus)]}) for seat in range(num)]
    if gpus or num == 1 or not cores:
        return [Seat()] * num
    return [Seat(tuple(cores[seat % len(cores) :: num])) for seat in range(num)]


# --- running ---------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """A run in sweep.csv. State: waiting, running, finished, failed, stopped (goes on when the sweep is started again),
    skipped or differs, see `decide`; minutes are those of this sweep, metrics those of the card."""

    name: str
    state: str
    exit_code: int | None = None
    minutes: float | None = None
    images: int | None = None
    seed: int | None = None
    note: str = ""
    metrics: dict[str, float | None] = field(default_factory=dict)

    def read_card(self, cards: Path) -> None:
        record = read_json(cards / self.name / RECORD)
        self.images, self.metrics = record["training"]["images"], record["metrics"]

    def to_line(self) -> dict[str, Any]:
        """Return what a line of sweep.csv holds, by its column."""
        columns = {column.name: getattr(self, column.name) for column in fields(self)[:-2]}
        return columns | {name: self.metrics.get(name) for name in FIGURES} | {"note": self.note}


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows, so that a reader finds the file whole at any moment. The cards are the truth, this a view."""
    lines = [row.to_line() for row in rows]
    write_text(path, csv_text(list(Row("", "").to_line()), [list(line.values()) for line in lines], "\r\n"))


def train_command(job: Job) -> list[str]:
    """The process of a run."""
    return [sys.executable, "-m", "trainers.train", *job.arguments]


@dataclass
class _Running:
    row: Row
    seat: Seat
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    clock: float


def sweep(
    jobs: Sequence[Job],
    runs: Path,
    cards: Path,
    at_once: int = 1,
    command: Callable[[Job], list[str]] = train_command,
) -> int:
    """Train what is not finished, `at_once` at a time; print how each ended and a table. Returns the exit code: 0 where
    all are finished, 75 where a signal stopped it, else 1. `command` is the process to start, for tests."""
    runs.mkdir(parents=True, exist_ok=True)
    rows = [_first_row(job, runs, cards) for job in jobs]
    waiting = [(job, row) for job, row in zip(jobs, rows, strict=True) if row.state == "waiting"]
    at_once = min(at_once, len(waiting))
    _say(f"{len(waiting)} of {len(jobs)} runs to do" + (f", {at_once} at once" if at_once > 1 else ""))
    free = seats(at_once, *_devices())
    running: list[_Running] = []
    passed_on = False
    with _listening() as heard:
        try:
            while running or (waiting and not heard):
                while waiting and free and not heard:
                    running.append(_start(*waiting.pop(0), free.pop(0), runs, command))
                    write_summary(runs / "sweep.csv", rows)
                if heard and not passed_on:
                    _say(f"{signal.Signals(heard[0]).name}: {len(running)} runs are asked to save and end")
                    passed_on = True
                    for each in running:
                        each.process.terminate()
                for each in [each for each in running if each.process.poll() is not None]:
                    running.remove(each)
                    free.append(each.seat)
                    _end(each, cards, passed_on)
                    write_summary(runs / "sweep.csv", rows)
                time.sleep(_POLL)
        finally:  # left early by an error of the sweep itself, such as a full disk: no run goes on unwatched
            for each in running:
                each.process.terminate()
            for each in running:
                each.process.wait()
    write_summary(runs / "sweep.csv", rows)
    _say("\n" + table(rows))
    if all(row.state in ("finished", "skipped") for row in rows):
        return 0
    return STOPPED if heard else 1


def _first_row(job: Job, runs: Path, cards: Path) -> Row:
    state, note = decide(job, runs, cards)
    row = Row(job.name, state, seed=job.recipe.seed, note=note)
    if state == "skipped":
        row.read_card(cards)
    if state != "waiting":
        _say(f"{state} {row.name}: {note}")
    return row


def _start(job: Job, row: Row, seat: Seat, runs: Path, command: Callable[[Job], list[str]]) -> _Running:
    log = runs / f"{job.name}.log"
    words = command(job)
    with log.open("ab") as file, _pinned(seat.cores):
        newline = "\n" if file.tell() else ""  # a run that was killed leaves half a line
        file.write(f"{newline}$ {shlex.join(words)}\n".encode())
        file.flush()
        start = file.tell()  # not later: the run may have written by then
        # A session of its own, so that Ctrl-C reaches the run through us alone, and once.
        environment = os.environ | seat.variables
        process = subprocess.Popen(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _say(f"running {job.name} ({row.note}), output in {log}")
    row.state, row.note = "running", ""
    return _Running(row, seat, process, log, start, time.monotonic())


def _end(ended: _Running, cards: Path, stopping: bool) -> None:
    """Write down, and say, how a run has ended."""
    row, code = ended.row, ended.process.returncode
    row.exit_code, row.minutes = code, round((time.monotonic() - ended.clock) / 60, 2)
    if code == 0:
        try:
            row.read_card(cards)
            row.state = "finished"
            _say(f"finished {row.name}: {row.minutes:.1f} minutes, {show('psnr', row.metrics['psnr'])} dB")
        except ValueError as error:
            row.state, row.note = "failed", str(error)
            _say(f"failed {row.name}: {row.note}")
    elif code == STOPPED or (stopping and code == -signal.SIGTERM):  # the latter before it listened for signals
        row.state, row.note = "stopped", "goes on when the sweep is started again"
        _say(f"stopped {row.name}")
    else:
        lines = last_lines(ended.log, ended.log_start)
        errors = [line for line in lines if _ERROR.match(line)] or lines[-1:] or ["no output"]
        row.state, row.note = "failed", f"{_exit(code)}: {errors[-1].strip()}"
        _say(f"failed {row.name}: {_exit(code)}; the end of {ended.log}:")
        _say("\n".join(f"  | {line}" for line in lines[-_SHOWN:]))


def last_lines(log: Path, start: int) -> list[str]:
    """Lines of a log from a byte on, without empty ones and progress bars."""
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode("utf-8", errors="replace")
    return [line.rstrip() for line in text.splitlines() if line.strip() and not _BAR.search(line)]


def _exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}" + (" (out of memory?)" if code == -signal.SIGKILL else "")


def table(rows: Sequence[Row]) -> str:
    """The rows for a reader; a line below a run that is neither finished nor skipped says why."""
    width = max([len(row.name) for row in rows], default=0)
    lines = [f"{'run':{width}}  {'state':8}  {'minutes':>7}  {METRICS['psnr'].head:>8}  {'bits':>8}"]
    for row in rows:
        minutes = "" if row.minutes is None else f"{row.minutes:.1f}"
        psnr, bits = (show(name, row.metrics[name]) if row.metrics else "" for name in ("psnr", "bits_per_image"))
        lines.append(f"{row.name:{width}}  {row.state:8}  {minutes:>7}  {psnr:>8}  {bits:>8}".rstrip())
        if row.state in ("failed", "differs"):
            lines.append(f"  {row.note}")
    return "\n".join(lines)


def _devices() -> tuple[list[str], list[int]]:
    """The GPUs, as CUDA_VISIBLE_DEVICES names them, and the CPU cores that this process may use, where it can know."""
    number = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    gpus = visible.split(",")[:number] if visible else [str(gpu) for gpu in range(number)]
    return gpus, sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def _pinned(cores: Sequence[int]) -> Iterator[None]:
    """A process that is started in here may use these cores, by which trainers/train.py sets its threads."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _listening() -> Iterator[list[int]]:
    """The list of signals to end that came so far. One that is ignored, as nohup has it, stays so."""
    heard: list[int] = []
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
    before = {
        number: signal.signal(number, lambda number, frame: heard.append(number))
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    print(text, flush=True)


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    config = (tyro.conf.FlagCreatePairsOff,)
    options = tyro.cli(Options, args=arguments[:end], prog="python -m trainers.sweep", config=config)
    grid = [*options.grid, *([f"seed={options.seeds}"] if options.seeds else [])]
    try:
        check_int("jobs", options.jobs, 1, 1024)
        jobs = plan(options.patterns, grid, arguments[end + 1 :], options.runs, options.cards)
        if options.dry_run:
            for job in jobs:
                state, note = decide(job, options.runs, options.cards)
                print(f"{state} {job.name}: {note}")
                if state == "waiting":
                    print("  " + shlex.join(["python", *train_command(job)[1:]]))
            return 0
        return sweep(jobs, options.runs, options.cards, options.jobs)
    except (ValueError, OSError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
