"""Lookup of a million tokens on a GPU: python benchmarks/gpu.py > part of RESULTS.md

Against the bare matrix product, tile by tile (the least that any exact search must do), and against `torch.cdist` where
its matrix fits into memory. The aim: under 1.5 GiB beyond the inputs, and under 1.5 times the bare product.
"""

import sys

import torch
from side_by_side import compare, extra_memory, machine, milliseconds
from torch import Tensor

from vqzoo.ops.lookup import nearest

CASES = [
    ("K = 16384, d = 256", 1_000_000, 16384, 256),
    ("LooC: 32 segments, K = 256, d = 4", 32_000_000, 256, 4),
    ("K = 16384, d = 8", 1_000_000, 16384, 8),
    ("K = 262144, d = 32", 100_000, 262_144, 32),
]


def product(latents: Tensor, codebook: Tensor) -> None:
    for part in latents.split(max(1024, 2**27 // len(codebook))):
        part @ codebook.T


def main() -> int:
    if not torch.cuda.is_available():
        print("there is no GPU here", file=sys.stderr)
        return 1
    torch.manual_seed(0)
    print(f"## {machine()}\n")
    print("| lookup | vqzoo, ms | bare product, ms | times the product | extra MiB | cdist / vqzoo |\n|" + "---|" * 6)
    for name, tokens, size, dim in CASES:
        latents, codebook = torch.randn(tokens, dim, device="cuda"), torch.randn(size, dim, device="cuda")
        run = compare(lambda a=latents, b=codebook: product(a, b), lambda a=latents, b=codebook: nearest(a, b))
        needed = extra_memory(lambda a=latents, b=codebook: nearest(a, b))
        peer = "does not fit"
        if tokens * size * 4 < 0.4 * torch.cuda.get_device_properties(0).total_memory:
            time = milliseconds(lambda a=latents, b=codebook: torch.cdist(a, b).argmin(1), rounds=3)
            peer = f"{time / run.peer:.2f}x"
        print(f"| {name} | {run.peer:.1f} | {run.ours:.1f} | {run.ratio:.2f}x | {needed:.0f} | {peer} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
