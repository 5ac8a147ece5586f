"""Train rows of the studies one after the other in one process, and write the results of each when it is done."""

import functools
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from torch import Tensor

from trainers.data.feed import Feed
from trainers.data.memory import load_images
from trainers.data.open import open_feed
from trainers.loop.fit import fit
from trainers.loop.lock import RunLocked, run_lock
from trainers.loop.options import Options
from trainers.loop.session import Session
from trainers.loop.signals import STOPPED, Stopped
from trainers.recipes.recipe import Recipe
from trainers.studies.budgets import budgeted, full_images
from trainers.studies.measure import MEASURED, measure_run
from trainers.studies.rows import Row
from vqzoo.files.storage import read_json
from vqzoo.metrics import PROTOCOL
from vqzoo.metrics.cvq_jpeg import CVQ_JPEG
from vqzoo.studies.curves import read_curves, write_curves
from vqzoo.studies.results import PATH, Result, read_results, result, write_results

PROTOCOLS = (PROTOCOL, CVQ_JPEG)


def missing(rows: Sequence[Row], budget: str, seeds: Sequence[int], results: Path = PATH) -> list[tuple[Row, int]]:
    """Return the (row, seed) pairs without results at this budget: all rows of the first seed, then of the next."""
    lines = read_results(results)
    known = set(map(_run_of, lines))
    return [(row, seed) for seed in seeds for row in rows if (row.study, row.name, budget, seed) not in known]


def run_rows(
    rows: Sequence[Row],
    budget: str,
    seeds: Sequence[int],
    runs: Path,
    minutes: float | None = None,
    results: Path = PATH,
) -> int:
    """Train and measure missing rows; return how many were added to `results` and to the curves beside it.

    Resumes rows from their checkpoints, and skips those that another process is training, so that several processes may
    share a GPU. After `minutes`, as after SIGTERM, the current row is saved and Stopped raised. A row whose loss is not
    finite is printed and gets no results.
    """
    added = 0
    cache = DataCache()
    with time_limit(minutes):
        for row, seed in missing(rows, budget, seeds, results):
            if (row, seed) not in missing([row], budget, [seed], results):
                continue  # another process has trained it since
            recipe = budgeted(row.recipe, row.study, budget, seed)
            folder = runs / f"{row.study}-{budget}-seed{seed}"
            print(f"{time.strftime('%H:%M:%S')} {row.study} {row.name}, seed {seed}, {recipe.steps} steps", flush=True)
            if not _measured(folder / row.name, recipe):
                options = Options(runs=folder, cards=folder / "cards", resume=True)
                try:
                    train_row(recipe, options, cache)
                except RunLocked:
                    continue
                except FloatingPointError as error:  # go on with the other rows
                    print(f"failed {row.name}: {error}", flush=True)
                    continue
            _write_results(row, recipe, budget, folder / row.name, results)
            added += 1
    return added


def train_row(recipe: Recipe, options: Options, cache: "DataCache") -> None:
    """Train a row and evaluate it on the test split; `cache` may hold the data of the row before.

    Raises what `trainers.loop.fit.train` raises.
    """
    with run_lock(options.runs / recipe.name):
        session = Session(recipe, options, cache.open_feed)
        fit(session)
        test = cache.load_test(recipe.dataset, "test", recipe.resolution, recipe.channels)
        measure_run(recipe, session.folder, test.to(session.accelerator.device), session.facts())


class DataCache:
    """A cache of the last training images and of all test images, as most rows of a table have the same."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[Any, ...], tuple[Feed, Tensor]] = {}
        self.load_test = functools.cache(load_images)

    def open_feed(self, recipe: Recipe, *how: Any) -> tuple[Feed, Tensor]:
        """Return what `trainers.data.open.open_feed` returns; runs can share a feed that has no state."""
        key = (
            *(recipe.dataset, recipe.resolution, recipe.channels, recipe.crop, recipe.scale, recipe.flip),
            *(recipe.held_out, recipe.train_images, recipe.batch_size, recipe.accumulate, recipe.seed, how),
        )
        if key not in self._feeds:
            self._feeds.clear()  # before the next one is loaded, as both might not fit into memory
            self._feeds[key] = open_feed(recipe, *how)
        return self._feeds[key]


def _measured(run: Path, recipe: Recipe) -> bool:
    """Return whether the run folder holds the metrics of this recipe, at this length."""
    return (run / MEASURED).is_file() and read_json(run / "recipe.json") == recipe.to_dict()


def _write_results(row: Row, recipe: Recipe, budget: str, run: Path, results: Path) -> None:
    """Add the lines of a measured run to the results, and delete its checkpoints."""
    record = read_json(run / MEASURED)
    with FileLock(Path(tempfile.gettempdir(), "vqzoo-results.lock")):  # not in the folder of results
        this = (row.study, row.name, budget, recipe.seed)
        before = [line for line in read_results(results) if _run_of(line) != this]
        write_results([*before, *lines(row, recipe, budget, record)], results)
        curves = read_curves(results.with_name("curves.jsonl"))
        curves[row.name, budget, recipe.seed] = {"curves": record["curves"], "use": record["use"]}
        write_curves(curves, results.with_name("curves.jsonl"))
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
    (run / "best.pt").unlink(missing_ok=True)


def _run_of(line: Result) -> tuple[str, str, str, float | None]:
    """Return study, recipe, budget and seed."""
    return line.setting.source, line.recipe, line.budget, line.numbers.get("seed")


def lines(row: Row, recipe: Recipe, budget: str, record: dict[str, Any]) -> list[Result]:
    """Return a line of results for each of the row's settings and each protocol."""
    facts = record["facts"]
    own = {
        "share": recipe.images / full_images(row.recipe, row.study),
        "seed": recipe.seed,
        "steps": recipe.steps,
        "images": recipe.images,
    }
    costs = {name: record[PROTOCOL][name] for name in ("bits_per_image", "usage", "perplexity")}
    results = []
    for setting in row.settings:
        for protocol in PROTOCOLS:
            measurements = facts | own | costs | record[protocol]
            results.append(result(row.name, setting, budget, protocol, measurements))
    return results


@contextmanager
def time_limit(minutes: float | None) -> Iterator[None]:
    """Raise Stopped in this context on SIGTERM and after `minutes`; during a training the trainer saves first."""

    def stop(number: int, frame: Any) -> None:
        raise Stopped("asked to end", STOPPED)

    before = signal.signal(signal.SIGTERM, stop)
    timer = threading.Timer(60 * minutes, os.kill, [os.getpid(), signal.SIGTERM]) if minutes else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer:
            timer.cancel()
        signal.signal(signal.SIGTERM, before)
