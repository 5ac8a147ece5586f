"""Measure the start of commands that compute nothing: python benchmarks/start.py [CHECKOUT]

Lists, help and mistakes, each in a process of its own, packages cached. Two medians of five after one that is not
counted: seconds of the processor, which other work on the machine hardly changes, and seconds on the clock. CHECKOUT is
another one to measure, such as that of an earlier commit.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from side_by_side import machine

MODEL = "cifar10-vq-1024x128"
LINES = {
    "vqzoo --help": ["--help"],
    "vqzoo list": ["list"],
    "a wrong option": ["list", "--quantiser", "vq"],
    "a wrong quantizer": ["list", "--quantizer", "vqq"],
    "load-check, a wrong model": ["load-check", "cifar10-vq-1024"],
    "reconstruct, a wrong model": ["reconstruct", "README.md", "--models", "cifar10-vq-1024"],
    "reconstruct, no such image": ["reconstruct", "absent.png", "--models", MODEL],
    "evaluate, a wrong model": ["evaluate", "cifar10-vq-1024"],
    "publish, a wrong model": ["publish", "cifar10-vq-1024"],
    "convert, no such file": ["convert", "absent.ckpt", "absent"],
}


def seconds(checkout: Path, line: list[str]) -> tuple[float, float]:
    """Seconds of one run, of the processor and on the clock."""
    command = [sys.executable, "-m", "vqzoo.cli", *line]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "README.md").write_text("no picture")
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, capture_output=True, cwd=folder, env=environment)
        clock, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, clock


def main() -> None:
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    print(f"## Commands that compute nothing: {machine()}\n\n| command | processor, s | clock, s |\n|---|---|---|")
    for name, line in LINES.items():
        runs = [seconds(checkout, line) for _ in range(6)][1:]
        processor, clock = (statistics.median(each) for each in zip(*runs, strict=True))
        print(f"| {name} | **{processor:.2f}** | {clock:.2f} |", flush=True)


if __name__ == "__main__":
    main()
