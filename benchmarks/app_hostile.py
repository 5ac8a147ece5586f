"""Measure an app with four visitors among twenty hostile ones, on one core.

    python benchmarks/app_hostile.py [--seconds 150]

No call of the four may fail, and the app's memory and open files must return to within 5 % of their start. Both are
taken `SETTLE` seconds after all visitors have left; the start follows a first round of all of them, which loads what is
loaded once.
"""

import argparse
import os
import statistics
import sys
import threading
import time
from collections import Counter

import psutil
from app_running import running
from side_by_side import machine
from visitors import HOSTILE, Visitor, good, visit

GOOD_ONES, HOSTILE_ONES = 4, 20
SETTLE = 75.0
"""Seconds until the app has forgotten visitors who left."""


def round_of(url: str, seconds: float, seed: int) -> Counter[str]:
    """Run all visitors for `seconds`, and return the count of each outcome."""
    outcomes, until = Counter[str](), time.monotonic() + seconds
    acts = [good] * GOOD_ONES + [HOSTILE[number % len(HOSTILE)] for number in range(HOSTILE_ONES)]
    threads = [
        threading.Thread(target=visit, args=(Visitor(url, seed + number, outcomes), act, until))
        for number, act in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def settled(app: psutil.Process) -> tuple[float, int, int]:
    """Return MiB, open files and threads of the app after all visitors have left."""
    time.sleep(SETTLE)
    memory = statistics.median(_memory(app) for _ in range(5))
    return memory, app.num_fds(), app.num_threads()


def _memory(app: psutil.Process) -> float:
    time.sleep(0.5)
    return app.memory_info().rss / 2**20


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--warm", type=float, default=150)
    settings = parser.parse_args()
    os.environ["GRADIO_SERVER_NAME"] = "0.0.0.0"  # with a Space's limits
    with running() as (process, url):
        app = psutil.Process(process.pid)
        app.cpu_affinity(app.cpu_affinity()[:1])
        first = round_of(url, settings.warm, 0)
        before = settled(app)
        outcomes = round_of(url, settings.seconds, 100)
        after = settled(app)
    calls = sum(number for what, number in outcomes.items() if what.startswith("answered"))
    print(f"### {GOOD_ONES} visitors among {HOSTILE_ONES} hostile ones for {settings.seconds:.0f} s: {machine()}\n")
    print("| what | number |\n|---|---|")
    for what, number in sorted(outcomes.items()):
        if what != "seconds":
            print(f"| {what[:300]} | {number} |")
    print(f"\n{calls} calls answered, {outcomes['seconds'] / max(1, calls):.1f} s each.\n")
    print("| | before | after | change |\n|---|---|---|---|")
    for what, one, two in zip(("resident memory, MiB", "open files", "threads"), before, after, strict=True):
        print(f"| {what} | {one:.0f} | {two:.0f} | {two / one - 1:+.1%} |")
    failed = [what for what in first + outcomes if what.startswith("FAILED")]
    sys.exit(bool(failed) or any(two > 1.05 * one for one, two in zip(before[:2], after[:2], strict=True)))


if __name__ == "__main__":
    main()
