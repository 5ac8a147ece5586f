"""Measure the start of commands.

    python benchmarks/start.py [CHECKOUT ...]

Lists, help, mistakes, and the reconstruction of one photograph, each in a process of its own with packages in the disk
cache. Reported are medians of five after one that is not counted: CPU seconds, which other work on the machine hardly
changes, and wall-clock seconds. Each CHECKOUT, such as that of an earlier commit, is measured in turn with this one.
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

HERE = Path(__file__).resolve().parents[1]
MODEL = "cifar10-vq-1024x128"
PHOTOGRAPH = HERE / "vqzoo" / "analysis" / "example_images" / "rocket.webp"
LINES = {
    "vqzoo --help": ["--help"],
    "vqzoo list": ["list"],
    "vqzoo train --help": ["train", "--help"],
    "trainers/train.py --help": [],
    "a wrong option": ["list", "--quantiser", "vq"],
    "a wrong quantizer": ["list", "--quantizer", "vqq"],
    "load-check, a wrong model": ["load-check", "cifar10-vq-1024"],
    "reconstruct, a wrong model": ["reconstruct", "README.md", "--models", "cifar10-vq-1024"],
    "reconstruct, no such image": ["reconstruct", "absent.png", "--models", MODEL],
    "evaluate, a wrong model": ["evaluate", "cifar10-vq-1024"],
    "publish, a wrong model": ["publish", "cifar10-vq-1024"],
    "convert, no such file": ["convert", "absent.ckpt", "absent"],
    "reconstruct, one photograph": ["reconstruct", str(PHOTOGRAPH), "--models", MODEL],
}


def seconds(checkout: Path, line: list[str]) -> tuple[float, float]:
    """Return the CPU and wall-clock seconds of one run; an empty line stands for the trainer's help."""
    command = ["-m", "vqzoo.cli", *line] if line else [str(checkout / "trainers" / "train.py"), "--help"]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "README.md").write_text("no picture")
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, cwd=folder, env=environment)
        clock, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, clock


def main() -> None:
    """Run the benchmark and print its tables."""
    checkouts = [*(Path(name).resolve() for name in sys.argv[1:]), HERE]
    of = [f" of {checkout.name}" if checkouts[1:] else "" for checkout in checkouts]
    columns = [f"processor{each}, s | clock{each}, s" for each in of]
    print(f"## Start of commands: {machine()}\n\n| command | {' | '.join(columns)} |\n|---{'|---|---' * len(of)}|")
    for name, line in LINES.items():
        runs = [[seconds(each, line) for each in checkouts] for _ in range(6)]
        medians = [map(statistics.median, zip(*each[1:], strict=True)) for each in zip(*runs, strict=True)]
        cells = [f"{processor:.2f} | {clock:.2f}" for processor, clock in medians]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
