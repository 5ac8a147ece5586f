"""Measure the nearest-codevector search on a CPU beside faiss, cdist and the bare product.

    python benchmarks/lookup.py [ROUNDS]

With one thread, with two, and with two while another process keeps a core busy, on the same tensors in one process. The
first round is not counted; three rounds are run where one takes more than two seconds. The bare product is torch's,
tile by tile in the same memory: the least that a search without a fused kernel takes.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import faiss
import torch
from side_by_side import machine

from vqzoo.ops.lookup import nearest

SHAPES = [
    (65536, 256, 4),
    (65536, 1024, 4),
    (16384, 16384, 8),
    (65536, 1024, 64),
    (16384, 8192, 64),
    (16384, 1024, 128),
    (16384, 8192, 256),
]
"""Latents, codevectors, dimension."""
LARGEST_MATRIX = 2**27  # cdist holds the whole matrix


def main(rounds: int) -> None:
    """Run the benchmark and print its tables."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    first, again = (_once(lambda: nearest(torch.zeros(9, 4), torch.zeros(9, 4))) for _ in range(2))
    print(f"## {machine()}, faiss {faiss.__version__}\n")
    print(f"The first search, which compiles: {first:.0f} ms; the next one {again:.2f} ms.")
    for threads, busy in ((1, False), (2, False), (2, True)):
        torch.set_num_threads(threads)
        faiss.omp_set_num_threads(threads)
        print(f"\n### {threads} thread(s){', another process busy' if busy else ''}\n")
        print(
            "| latents x K, d | vqzoo, ms | faiss / vqzoo | product / vqzoo | cdist / vqzoo | as faiss |\n|"
            + "---|" * 6
        )
        with _busy_process() if busy else nullcontext():
            for shape in SHAPES:
                print(_row(*shape, rounds), flush=True)


def _row(n: int, size: int, dim: int, rounds: int) -> str:
    latents, codebook = torch.randn(n, dim), torch.randn(size, dim)
    index = faiss.IndexFlatL2(dim)
    index.add(codebook.numpy())
    sides: list[Callable[[], object]] = [
        lambda: nearest(latents, codebook),
        lambda: index.search(latents.numpy(), 1),
        _product(latents, codebook),
    ]
    if n * size <= LARGEST_MATRIX:
        sides.append(lambda: torch.cdist(latents, codebook).argmin(1))
    times = [_round(sides, turn) for turn in range(4)]
    times += [_round(sides, turn) for turn in range(4, rounds + 1) if sum(times[-1]) < 2000]
    times = times[1:]
    ratios = []
    for other in range(1, 4):
        each = sorted(row[other] / row[0] for row in times) if other < len(sides) else []
        low, middle, high = statistics.quantiles(each, n=4) if each else (0, 0, 0)
        ratios.append(f"**{middle:.2f}** ({low:.2f} to {high:.2f})" if each else "-")
    theirs = torch.from_numpy(index.search(latents.numpy(), 1)[1][:, 0])
    same = (theirs == nearest(latents, codebook)).float().mean().item()
    ours = statistics.median(row[0] for row in times)
    return f"| {n:,} x {size:,}, {dim} | {ours:.1f} | {' | '.join(ratios)} | {same:.3%} |"


def _product(latents: torch.Tensor, codebook: torch.Tensor) -> Callable[[], None]:
    """Return the bare product, in tiles of 2 MiB or, for larger codebooks, 16 MiB; rows are not 4 KiB apart."""
    tile = (2**19 if codebook.numel() <= 2**19 else 2**22) // len(codebook)
    parts = latents.split(tile - 16 * (tile % 1024 == 0))
    scores = torch.empty(len(codebook), len(parts[0]))

    def run() -> None:
        for part in parts:
            torch.mm(codebook, part.T, out=scores[:, : len(part)])

    return run


def _round(sides: list[Callable[[], object]], turn: int) -> list[float]:
    """Return the milliseconds of each side, run one after the other; `turn` rotates which is first."""
    times = [0.0] * len(sides)
    for position in range(len(sides)):
        side = (position + turn) % len(sides)
        times[side] = _once(sides[side])
    return times


def _once(function: Callable[[], object]) -> float:
    """Return milliseconds; with one thread its own CPU time, which other processes hardly change."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    function()
    return 1000 * (clock() - start)


@contextmanager
def _busy_process() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    process.kill()
    process.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
