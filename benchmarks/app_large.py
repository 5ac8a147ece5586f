"""Measure the memory and time of a part at 1:1 of a large photograph, as the page Compare computes it.

    python benchmarks/app_large.py [MEGAPIXELS ...]

A JPEG of each size (12 and 100 megapixels by default) is written to a temporary folder. Idle is the process after a
comparison at 256 pixels; reported is the highest resident memory above it, of the app's process and of those that it
starts for decoding, and the seconds of the first and of a second part of the same photograph.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from side_by_side import machine

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import list_models
from vqzoo.views.comparison import compare
from vqzoo.views.crop import crop
from vqzoo.views.engine import Engine

NAMES = ["cifar10-vq-1024x128", "cifar10-looc-256x4", "cifar10-rvq-8x256", "flowers-vqgan-1024x256"]
SIDE = 512


def resident() -> int:
    """Return the resident bytes of this process and of its children."""
    me = psutil.Process()
    total = 0
    for process in (me, *me.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


class Peak(threading.Thread):
    """Samples the resident memory every 5 ms until `stop`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.highest, self._ended = 0, threading.Event()

    def run(self) -> None:
        """Sample."""
        while not self._ended.wait(0.005):
            self.highest = max(self.highest, resident())

    def stop(self) -> int:
        """Return the highest sample."""
        self._ended.set()
        self.join()
        return self.highest


def photograph(folder: Path, megapixels: float) -> tuple[Path, int, int]:
    """Write a JPEG of waves; returns its path, width and height."""
    width, height = round((megapixels * 1e6 * 4 / 3) ** 0.5), round((megapixels * 1e6 * 3 / 4) ** 0.5)
    x = np.arange(width, dtype=np.float32)
    rows = (np.uint8(127 + 120 * np.sin(x / 9 + y / 23)) for y in range(height))
    pixels = np.stack(list(rows))
    path = folder / f"{megapixels:g}.jpg"
    Image.merge("RGB", [Image.fromarray(pixels)] * 3).save(path, quality=92)
    return path, width, height


def main() -> None:
    """Run the benchmark and print its table."""
    sizes = [float(text) for text in sys.argv[1:]] or [12.0, 100.0]
    engine = Engine(list_models())
    for _ in compare(engine, str(next(iter(examples().values()))), 256, NAMES):
        pass
    print(f"## A part of {SIDE} x {SIDE} pixels at 1:1 through four models: {machine()}\n")
    print("| megapixels | GiB above idle | first part, s | another part, s |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path, width, height = photograph(Path(folder), size)
            idle, peak, times = resident(), Peak(), []
            peak.start()
            for share in (2, 3):
                start = time.perf_counter()
                for _ in compare(engine, crop(str(path), width // share, height // share, SIDE), SIDE, NAMES):
                    pass
                times.append(time.perf_counter() - start)
            above = (peak.stop() - idle) / 2**30
            print(f"| {size:g} | {above:.2f} | {times[0]:.1f} | {times[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
