"""Measure the overhead of the app: a comparison of eight models beside their bare forward passes.

    python benchmarks/app_overhead.py

Both run in this process, in turn, on the same photograph at 256 pixels. The app's side is all that a click computes,
with metrics, images and figure; the other side is eight forward passes of loaded models. Reported is the median of
seven ratios.
"""

import statistics
import time

import torch
from side_by_side import machine

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import list_models
from vqzoo.ops.pixels import from_bytes
from vqzoo.views.comparison import compare
from vqzoo.views.engine import Engine

NAMES = [
    "cifar10-vq-1024x128",
    "cifar10-cvq-1024x128",
    "cifar10-rvq-8x256",
    "cifar10-looc-256x4",
    "cifar10-looc-256x4-factor2",
    "cifar10-pq-8x256",
    "cifar10-fsq-8-5-5-5",
    "cifar10-simvq-1024x128",
]
SIDE = 256


@torch.inference_mode()
def main() -> None:
    """Run the benchmark and print its tables."""
    engine = Engine(list_models())
    path = str(next(iter(examples().values())))
    ratios, times = [], []
    for round_ in range(8):
        # Another size each time (256, 255, ... pixels), so that no result is cached.
        side = SIDE - round_
        start = time.perf_counter()
        for _ in compare(engine, path, side, NAMES):
            pass
        through = time.perf_counter() - start
        pixels = engine.photo(path, side).pixels
        images = from_bytes(torch.from_numpy(pixels).permute(2, 0, 1)[None])
        bare = 0.0
        for name in NAMES:
            with engine.borrow(name) as tokenizer:
                start = time.perf_counter()
                tokenizer(images)
                bare += time.perf_counter() - start
        if round_:
            ratios.append(through / bare)
            times.append((through, bare))
    print(f"## Eight models through the app: {machine()}\n")
    print("| through the app, s | bare forwards, s | ratio |\n|---|---|---|")
    print("".join(f"| {one:.2f} | {two:.2f} | {one / two:.2f} |\n" for one, two in times), end="")
    print(f"| | | **{statistics.median(ratios):.2f}** |")


if __name__ == "__main__":
    main()
