"""Measure how fast, and in how much memory, CIFAR-10 becomes a token set, beside a bare loop of `encode`.

`python benchmarks/token_sets.py [--images N] [--model NAME]` prints a table. Each unit of the data set is tokenized,
from its encoded images to the Parquet file on the disk, and encoded by the bare loop, from pixels in memory to tokens
in memory, in turns: the ratio is that of the same images at the same time. It needs the extra `tokens` and CIFAR-10, in
$VQZOO_DATA or from the Hub.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch

import vqzoo
from benchmarks.side_by_side import machine
from trainers.data.rows import ImageRows
from trainers.data.source import Source
from vqzoo.tokens.run import write_shard
from vqzoo.tokens.shard import Encoder
from vqzoo.tokens.store import Store

BATCH = 256
UNIT = 2048


def main() -> None:
    """Measure, and print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--images", type=int, default=60_000)
    options.add_argument("--model", default="cifar10-rvq-8x256")
    options.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    tokenizer = vqzoo.load(chosen.model)
    pictures = ImageRows("cifar10", Source(), 32, 3, per_shard=UNIT)
    encoder = Encoder(tokenizer, pictures, BATCH)
    ratios, ours, bare, sizes, memory, images = [], 0.0, 0.0, 0, [], 0
    with tempfile.TemporaryDirectory() as folder:
        for turn, unit in enumerate(pictures.units):
            pixels = torch.from_numpy(np.stack([picture.views[0] for picture in pictures.read(unit)]))

            def tokenize(unit=unit) -> None:
                write_shard(encoder, Store(folder), unit)

            def loop(pixels=pixels) -> None:
                for batch in pixels.split(BATCH):
                    tokenizer.encode(batch)

            if turn == 0:  # once without a clock
                tokenize()
                loop()
            order = (tokenize, loop) if turn % 2 else (loop, tokenize)
            times = {}
            for function in order:
                start = time.perf_counter()
                function()
                times[function] = time.perf_counter() - start
            ratios.append(times[loop] / times[tokenize])
            ours, bare, images = ours + times[tokenize], bare + times[loop], images + len(pixels)
            sizes += (Path(folder) / unit.file).stat().st_size
            memory.append(psutil.Process().memory_info().rss / 2**20)
            if images >= chosen.images:
                break
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"## Tokens of {images:,} images of CIFAR-10: {machine()}\n")
    print(
        "| model | vqzoo tokenize, images/s | bare encode, images/s | share of bare (quartiles) | bytes an image | ",
        end="",
    )
    print("MiB of the process after the first quarter, at the end |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    print(
        f"| {chosen.model} | {images / ours:,.0f} | {images / bare:,.0f} | {median:.1%} ({low:.1%} to {high:.1%}) | "
        f"{sizes / images:.1f} | {memory[len(memory) // 4]:,.0f}, {memory[-1]:,.0f} |"
    )


if __name__ == "__main__":
    main()
