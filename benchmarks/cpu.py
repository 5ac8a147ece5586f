"""Measure training steps beside vector-quantize-pytorch on a CPU, and the memory of a lookup.

    python benchmarks/cpu.py [THREADS]

Run it on an idle machine. Both sides get the same tensors and the same number of threads and are timed alternately in
one process.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from peers import SortedCVQ
from side_by_side import compare, extra_memory, machine, milliseconds
from torch import Tensor, nn
from vector_quantize_pytorch import FSQ, LFQ, ResidualVQ, SimVQ, VectorQuantize

from vqzoo.ops.lookup import nearest
from vqzoo.quantizers import Quantizer, build

TOKENS = 4096  # 64 images of 8 x 8 latents
Step = Callable[[], None]
MEMORY = [(4096, 32768, 32), (1_000_000, 256, 4), (4096, 262_144, 32), (1024, 1_048_576, 8)]


def memory() -> None:
    """Print the memory of lookups."""
    print("\n### Memory of a lookup beyond its inputs, MiB at the peak of the process\n")
    print("| tokens | K | d | vqzoo | cdist | full matrix by counting |\n|" + "---|" * 6)
    for tokens, size, dim in MEMORY:
        latents, codebook = torch.randn(tokens, dim), torch.randn(size, dim)
        nearest(latents[:64], codebook[:64])
        needed = extra_memory(lambda latents=latents, codebook=codebook: nearest(latents, codebook))
        matrix = tokens * size * 4 / 2**20
        peer = "-"
        if matrix < 2500:
            peer = f"{extra_memory(lambda latents=latents, book=codebook: torch.cdist(latents, book).argmin(1)):.0f}"
        print(f"| {tokens} | {size} | {dim} | {needed:.1f} | {peer} | {matrix:.0f} |", flush=True)


def make_step(quantizer: nn.Module, shape: tuple[int, ...], loss: Callable[[Any, Tensor], Tensor]) -> Step:
    """Return a function that does one forward and backward pass; `loss` takes the output and a random target."""
    latents = torch.randn(shape, requires_grad=True)
    target = torch.randn(shape)

    def step() -> None:
        latents.grad = None
        quantizer.zero_grad()
        loss(quantizer(latents), target).backward()

    quantizer.train()
    return step


def ours_step(quantizer: Quantizer, dim: int) -> Step:
    """Return a training step of ours on 64 images of 8 x 8 latents."""
    return make_step(quantizer, (64, 8, 8, dim), lambda out, t: sum(out.losses.values(), (out.latents * t).mean()))


def peer_step(quantizer: nn.Module, dim: int, loss: Callable[[Any], Tensor] = lambda out: out[2].sum()) -> Step:
    """Return a training step of the peer on the same number of latents; `loss` takes its output."""
    return make_step(quantizer, (64, 64, dim), lambda out, t: loss(out) + (out[0] * t).mean())


class Case(NamedTuple):
    """A quantizer beside its peer; `aim` is the ratio of times aimed at."""

    name: str
    aim: float
    ours: Step
    peer: Step


def steps() -> None:
    """Print training steps beside those of the peers."""
    print(f"\n### One training step on {TOKENS} tokens: forward, backward, statistics\n")
    print("| quantizer | vqzoo | peer | ratio (quartiles) | aim |\n|" + "---|" * 5)
    for case in step_cases():
        print(f"| {case.name} | {compare(case.ours, case.peer).row()} | {case.aim}x |", flush=True)


_STRAIGHT = {"rotation_trick": False}


def vector_quantize(dim: int, size: int, **settings: object) -> nn.Module:
    """Return the peer's codebook with moving averages."""
    return VectorQuantize(dim, size, decay=0.99, **_STRAIGHT, **settings)


def step_cases() -> list[Case]:
    """Build our quantizers and the peers' that do the same."""
    looc = build("looc", dim=128, rule="ema", revival="none", start="latents")
    heads = {"heads": 32, "codebook_dim": 4, "separate_codebook_per_head": False, "use_cosine_sim": True}
    return [
        *(
            Case(
                f"EMA {size}x128",
                aim,
                ours_step(build("ema", dim=128, codebook_size=size), 128),
                peer_step(vector_quantize(128, size), 128),
            )
            for size, aim in ((1024, 5.0), (8192, 8.0))
        ),
        Case(
            "residual 8 x 1024x128, EMA",
            5.0,
            ours_step(build("rvq", dim=128, codebook_size=1024, levels=8), 128),
            peer_step(ResidualVQ(dim=128, num_quantizers=8, codebook_size=1024, decay=0.99, **_STRAIGHT), 128),
        ),
        Case(
            "LooC 256x4, 32 segments, CVQ anchors (peer: heads, EMA)",
            20.0,
            ours_step(build("looc", dim=128), 128),
            peer_step(vector_quantize(128, 256, **heads), 128),
        ),
        Case(
            "LooC 256x4, 32 segments, EMA (peer: heads, EMA)",
            20.0,
            ours_step(looc, 128),
            peer_step(vector_quantize(128, 256, **heads), 128),
        ),
        Case(
            "LFQ 2^14",
            50.0,
            ours_step(build("lfq", dim=14, bits=14), 14),
            peer_step(LFQ(dim=14, codebook_size=2**14, entropy_loss_weight=0.1), 14),
        ),
        Case(
            "FSQ [8, 5, 5, 5]",
            1.0,
            ours_step(build("fsq", dim=128), 128),
            peer_step(FSQ([8, 5, 5, 5], dim=128), 128, lambda out: torch.zeros(())),
        ),
        Case(
            "CVQ 1024x128 (peer: sorted similarities)",
            8.0,
            ours_step(build("cvq", dim=128), 128),
            peer_step(SortedCVQ(1024, 128), 128),
        ),
        *(
            Case(
                f"SimVQ {size}x128",
                2.0,
                ours_step(build("simvq", dim=128, codebook_size=size), 128),
                peer_step(SimVQ(128, size, **_STRAIGHT), 128),
            )
            for size in (1024, 8192)
        ),
    ]


def alone() -> None:
    """Print training steps of quantizers without a peer."""
    print(f"\n### No peer: one training step on {TOKENS} tokens\n")
    print("| quantizer | ms a step | microseconds a token |\n|---|---|---|")
    cases = [
        ("IBQ 1024x128", {"name": "ibq", "entropy_temperature": 0.0}),
        ("IBQ 1024x128 with entropies", {"name": "ibq"}),
        ("IBQ 16384x128", {"name": "ibq", "codebook_size": 16384, "entropy_temperature": 0.0}),
        ("adaptive, 512x128 to 65536x1", {"name": "adaptive"}),
        ("RQ 8 x 256x128, one codebook", {"name": "rq"}),
        ("PQ 8 x 256x16", {"name": "pq"}),
        ("SQ-VAE 1024x128", {"name": "sq"}),
        ("Gumbel 1024x128", {"name": "gumbel"}),
        ("factorized 1024x32", {"name": "factorized"}),
        ("BSQ 2^18", {"name": "bsq", "bits": 18}),
        ("LFQ 2^18", {"name": "lfq", "bits": 18}),
        ("multi-scale 1024x128", {"name": "multiscale"}),
        ("HVQ 1024x128, two layers", {"name": "hvq"}),
        ("rotation trick, VQ 1024x128", {"name": "vq", "estimator": "rotation"}),
    ]
    for name, settings in cases:
        time = milliseconds(ours_step(build(dim=128, **settings), 128))
        print(f"| {name} | {time:.3g} | {1000 * time / TOKENS:.3g} |", flush=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    print(f"## {machine()}")
    memory()
    steps()
    alone()
