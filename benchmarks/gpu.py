"""Measure the lookup of a million tokens on a GPU.

    python benchmarks/gpu.py

Peers are the bare matrix product, tile by tile, which is the least that an exact search must do, and `torch.cdist`
where its matrix fits into memory. The aim is under 1.5 GiB beyond the inputs and under 1.5 times the bare product.

The second table compares the kernel for short codevectors with the general search. Its last line is the length up to
which the kernel is faster: the value for `_GPU_KERNEL` in vqzoo/ops/lookup.py.
"""

import sys
from itertools import product

import torch
from side_by_side import compare, extra_memory, machine, milliseconds
from torch import Tensor

from vqzoo.ops.gpu_kernel import search
from vqzoo.ops.lookup import highest, nearest

CASES = [
    ("K = 16384, d = 256", 1_000_000, 16384, 256),
    ("LooC: 32 segments, K = 256, d = 4", 32_000_000, 256, 4),
    ("K = 16384, d = 8", 1_000_000, 16384, 8),
    ("K = 262144, d = 32", 100_000, 262_144, 32),
]

SHORT, SIZES = [1, 2, 4, 8, 12, 16, 24, 32], [256, 1024, 16384]
"""Lengths and numbers of codevectors that the kernel is tried with."""


def bare_product(latents: Tensor, codebook: Tensor) -> None:
    """Multiply all latents with all codevectors, tile by tile."""
    for part in latents.split(max(1024, 2**27 // len(codebook))):
        part @ codebook.T


def kernel() -> int:
    """Print the table of the kernel; return the length up to which it is faster for every codebook size."""
    print(
        "\n| length | K | kernel, ms | otherwise, ms | otherwise / kernel (quartiles) | same indices |\n|" + "---|" * 6
    )
    ahead = []
    for dim, size in product(SHORT, SIZES):
        latents, codebook = torch.randn(2**27 // size, dim, device="cuda"), torch.randn(size, dim, device="cuda")
        run = compare(lambda a=latents, b=codebook: search(a, b, None), lambda a=latents, b=codebook: highest(a, b))
        same = (search(latents, codebook, None)[1] == highest(latents, codebook)).float().mean().item()
        print(f"| {dim} | {size} | {run.row()} | {same:.4%} |", flush=True)
        ahead.append((dim, run.low > 1))
    return max((dim for dim in SHORT if all(faster for other, faster in ahead if other <= dim)), default=0)


def main() -> int:
    """Run the benchmark, print its tables and return the exit code."""
    if not torch.cuda.is_available():
        print("there is no GPU here", file=sys.stderr)
        return 1
    torch.manual_seed(0)
    print(f"## {machine()}\n")
    print("| lookup | vqzoo, ms | bare product, ms | times the product | extra MiB | cdist / vqzoo |\n|" + "---|" * 6)
    for name, tokens, size, dim in CASES:
        latents, codebook = torch.randn(tokens, dim, device="cuda"), torch.randn(size, dim, device="cuda")
        run = compare(lambda a=latents, b=codebook: bare_product(a, b), lambda a=latents, b=codebook: nearest(a, b))
        needed = extra_memory(lambda a=latents, b=codebook: nearest(a, b))
        peer = "does not fit"
        if tokens * size * 4 < 0.4 * torch.cuda.get_device_properties(0).total_memory:
            time = milliseconds(lambda a=latents, b=codebook: torch.cdist(a, b).argmin(1), rounds=3)
            peer = f"{time / run.peer:.2f}x"
        print(f"| {name} | {run.peer:.1f} | {run.ours:.1f} | {run.ratio:.2f}x | {needed:.0f} | {peer} |", flush=True)
    longest = kernel()
    print(f"\nThe kernel is the faster one for every codebook up to a length of {longest}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
