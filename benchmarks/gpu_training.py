"""Measure training on a GPU.

    python benchmarks/gpu_training.py

The CIFAR-10 networks at batches of 1024: precisions, eager and compiled, several models at once in streams of one
process and in processes of their own, and the quantizer's share of a step. Then a VQGAN at 256 x 256 as published:
memory layout, compilation and activation checkpointing. The argument `rehearse` runs all of it on a CPU, too small for
meaningful figures.
"""

import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
import torch.nn.functional as F
from side_by_side import machine
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from trainers.recipes import get_recipe
from trainers.recipes.recipe import Recipe
from vqzoo.autoencoders.blocks import ResidualBlock

REHEARSAL = "rehearse" in sys.argv
DEVICE = "cpu" if REHEARSAL else "cuda"
BATCH = 8 if REHEARSAL else 1024
SIDE, VQGAN_BATCH, WIDTH = (32, 2, 8) if REHEARSAL else (256, 16, 128)
STEPS, ROUNDS, SECONDS = (1, 2, 1.0) if REHEARSAL else (20, 5, 10.0)
PRECISIONS = ("float32", "tf32") if REHEARSAL else ("float32", "tf32", "bf16")
MODES = {"eager": None, "compiled": "default", "compiled, CUDA graphs": "reduce-overhead"}
EPOCHS, IMAGES = 500, 49_000
QUANTIZERS = ("cifar10-ema-1024x128", "cifar10-cvq-1024x128", "cifar10-looc-256x4", "cifar10-rvq-8x256")

Step = Callable[[], None]


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Context manager that sets the precision: float32, tf32 or bf16."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    with torch.autocast(DEVICE, torch.bfloat16) if name == "bf16" else nullcontext():
        yield


def make_step(recipe: Recipe, images: Tensor, mode: str | None = None, channels_last: bool = True) -> Step:
    """Return a function that does one update: forward, loss, backward, Adam."""
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    tokenizer = recipe.build().to(DEVICE, memory_format=layout).train()  # type: ignore[call-overload]
    tokenizer(images)  # initialise codevectors from data before the graph is captured
    optimizer = torch.optim.Adam(tokenizer.parameters(), 1e-4, fused=DEVICE == "cuda")
    model = torch.compile(tokenizer, mode=mode) if mode else tokenizer
    batch = images.contiguous(memory_format=layout)

    def step() -> None:
        out = model(batch)
        loss = F.mse_loss(out.images.float(), batch) / 4
        (loss + sum(recipe.weights[name] * term for name, term in out.losses.items())).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def wait() -> None:
    """Wait for the GPU."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def seconds(step: Step) -> float:
    """Return the seconds of one step: the median of several rounds, after one to warm up."""
    times = []
    for turn in range(ROUNDS + 1):
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        wait()
        if turn:
            times.append((time.perf_counter() - start) / STEPS)
    return statistics.median(times)


def cifar(images: Tensor) -> None:
    """Print the speed of the CIFAR-10 networks."""
    print(f"### CIFAR-10 networks, batches of {BATCH}, cifar10-ema-1024x128\n")
    print(f"| precision | mode | images/s | minutes for {EPOCHS} epochs |\n|---|---|---|---|")
    for name, mode in itertools.product(PRECISIONS, MODES):
        torch.compiler.reset()
        try:
            with precision(name):
                rate = BATCH / seconds(make_step(get_recipe("cifar10-ema-1024x128"), images, MODES[mode]))
            print(f"| {name} | {mode} | {rate:,.0f} | {EPOCHS * IMAGES / rate / 60:.1f} |", flush=True)
        except RuntimeError as error:  # a failure of the compiler is a result as well
            print(f"| {name} | {mode} | {type(error).__name__}: {str(error).splitlines()[0][:80]} | |", flush=True)


def shares(images: Tensor) -> None:
    """Print the quantizer's share of a step."""
    print("\n### Share of a step that the quantizer takes (asked: under 15 %), eager\n")
    print("| recipe | " + " | ".join(PRECISIONS) + " |\n|" + "---|" * (len(PRECISIONS) + 1))
    bare = []
    for name in PRECISIONS:
        with precision(name):
            bare.append(seconds(make_step(get_recipe("cifar10-none-128"), images)))
    for recipe in QUANTIZERS:
        row = []
        for name, without in zip(PRECISIONS, bare, strict=True):
            with precision(name):
                row.append(f"{1 - without / seconds(make_step(get_recipe(recipe), images)):.1%}")
        print(f"| {recipe} | {' | '.join(row)} |", flush=True)


def in_streams(images: Tensor, num: int) -> float:
    """Return the images/s of `num` models, each in a stream of its own."""
    steps = [make_step(get_recipe("cifar10-ema-1024x128"), images) for _ in range(num)]
    streams = [torch.cuda.Stream() if DEVICE == "cuda" else None for _ in steps]

    def all_steps() -> None:
        for step, stream in zip(steps, streams, strict=True):
            with torch.cuda.stream(stream) if stream else nullcontext():
                step()

    return num * BATCH / seconds(all_steps)


def in_processes(num: int) -> float:
    """Return the images/s of `num` models, each in a process of its own."""
    command = [sys.executable, __file__, "worker", *(["rehearse"] if REHEARSAL else [])]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(num)]
    return sum(float(worker.communicate()[0]) for worker in workers)


def worker(images: Tensor) -> float:
    """Return the images/s over a fixed time, after a warm-up that lets other workers start."""
    with precision("tf32"):
        step = make_step(get_recipe("cifar10-ema-1024x128"), images)
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < 3 * SECONDS:
            step()
            wait()
            done += time.perf_counter() - start > SECONDS
        return done * BATCH / (2 * SECONDS)


def several(images: Tensor) -> None:
    """Print the speed of several models at once."""
    print("\n### Several models on one GPU, tf32, images/s together\n\n| models | streams | processes |\n|---|---|---|")
    for num in (1, 2, 4, 8)[: 2 if REHEARSAL else 4]:
        with precision("tf32"):
            streams = in_streams(images, num)
        print(f"| {num} | {streams:,.0f} | {in_processes(num):,.0f} |", flush=True)


@contextmanager
def checkpointed(on: bool) -> Iterator[None]:
    """Context manager that, if `on`, recomputes the activations of residual blocks in the backward pass."""
    forward = ResidualBlock.forward
    if on:
        ResidualBlock.forward = lambda self, *inputs: checkpoint(forward, self, *inputs, use_reentrant=False)  # type: ignore[method-assign]
    try:
        yield
    finally:
        ResidualBlock.forward = forward  # type: ignore[method-assign]


def vqgan() -> None:
    """Print the speed and memory of a VQGAN."""
    recipe = get_recipe("flowers-vqgan-1024x256")
    multipliers, attention = ((1, 1), ()) if REHEARSAL else ((1, 1, 2, 2, 4), (16,))
    settings = {"width": WIDTH, "multipliers": multipliers, "blocks": 2, "attention": attention}
    recipe = replace(recipe, autoencoder=recipe.autoencoder | settings)
    images = torch.rand(VQGAN_BATCH, 3, SIDE, SIDE, device=DEVICE) * 2 - 1
    print(f"\n### VQGAN of width {WIDTH}, {VQGAN_BATCH} x {SIDE} x {SIDE}, {PRECISIONS[-1]}\n")
    print("| channels last | compiled | checkpointed | images/s | peak MiB |\n|---|---|---|---|---|")
    for last, mode, again in itertools.product((False, True), (None, "default"), (False, True)):
        torch.compiler.reset()
        if DEVICE == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        with precision(PRECISIONS[-1]), checkpointed(again):
            rate = VQGAN_BATCH / seconds(make_step(recipe, images, mode, last))
        peak = torch.cuda.max_memory_allocated() / 2**20 if DEVICE == "cuda" else 0
        yes = ["yes" if each else "no" for each in (last, mode, again)]
        print(f"| {' | '.join(yes)} | {rate:,.1f} | {peak:,.0f} |", flush=True)


def main() -> int:
    """Run the benchmark, print its tables and return the exit code."""
    if not REHEARSAL and not torch.cuda.is_available():
        print("there is no GPU here", file=sys.stderr)
        return 1
    images = torch.rand(BATCH, 3, 32, 32, device=DEVICE) * 2 - 1
    if "worker" in sys.argv:
        print(worker(images))
        return 0
    print(f"## {machine()}\n")
    cifar(images)
    shares(images)
    several(images)
    vqgan()
    return 0


if __name__ == "__main__":
    sys.exit(main())
