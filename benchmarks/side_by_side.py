"""Time two functions against each other in one process, interleaved and compared run by run.

A machine that is slower for a while is slower for both, so the median of the ratios is the figure to trust; times are
only for orientation.
"""

import gc
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch


@dataclass(frozen=True)
class Comparison:
    """Median milliseconds of a run, and the median of peer / ours, run by run, with its quartiles."""

    ours: float
    peer: float
    ratio: float
    low: float
    high: float

    def row(self) -> str:
        """Return `ours | peer | ratio (quartiles)` for a table."""
        return f"{self.ours:.3g} ms | {self.peer:.3g} ms | **{self.ratio:.3g}x** ({self.low:.3g} to {self.high:.3g})"


def compare(ours: Callable[[], object], peer: Callable[[], object], rounds: int = 7, slow: float = 0.02) -> Comparison:
    """Run both alternately `rounds` times, each for at least `slow` seconds, after two warm-ups each.

    If a run takes more than a second, three rounds are run.
    """
    repeats = [_repeats(function, slow) for function in (ours, peer)]
    times: list[list[float]] = [[], []]
    gc.disable()
    for turn in range(rounds):
        if turn == 3 and max(map(max, times)) > 1:
            break
        for which in (0, 1) if turn % 2 else (1, 0):
            function = (ours, peer)[which]
            start = time.perf_counter()
            for _ in range(repeats[which]):
                function()
            _wait()
            times[which].append((time.perf_counter() - start) / repeats[which])
    gc.enable()
    ratios = sorted(b / a for a, b in zip(*times, strict=True))
    low, _, high = statistics.quantiles(ratios, n=4)
    medians = [1000 * statistics.median(each) for each in times]
    return Comparison(medians[0], medians[1], statistics.median(ratios), low, high)


def milliseconds(function: Callable[[], object], rounds: int = 7) -> float:
    """Return the median time of one run, where there is no peer."""
    repeats = _repeats(function, 0.02)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(repeats):
            function()
        _wait()
        times.append((time.perf_counter() - start) / repeats)
    return 1000 * statistics.median(times)


def extra_memory(function: Callable[[], object]) -> float:
    """Return the MiB that a run needs at its peak beyond the start: of the GPU, or of the process, sampled."""
    if torch.cuda.is_available():
        _wait()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        function()
        _wait()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    process, peak, done = psutil.Process(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.0005)

    gc.collect()
    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    function()
    done.set()
    watcher.join()
    return max(0, peak - before) / 2**20


def machine() -> str:
    """Return one line with processor, threads and torch version."""
    name = "CPU"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0] if names else name
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
    return f"{name}, {torch.get_num_threads()} CPU thread(s), torch {torch.__version__}, float32"


def _repeats(function: Callable[[], object], slow: float) -> int:
    function()
    _wait()
    start = time.perf_counter()
    function()
    _wait()
    return max(1, int(slow / max(time.perf_counter() - start, 1e-9)))


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
