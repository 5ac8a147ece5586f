"""Measure whole training steps beside a peer's quantizer and timm's Muon, and the loop beside its bare step.

    python benchmarks/training.py [THREADS]

The starter zoo's networks (0.74 million weights), batches of 64 images of 32 x 32, squared error plus the quantizer's
losses, Adam, float32, alternately in one process. The peer, vector-quantize-pytorch, has the memory layout of its own
examples; both quantizers see the same latents.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from side_by_side import compare, machine
from timm.optim.muon import zeropower_via_newtonschulz
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from trainers.loop.fit import fit
from trainers.loop.muon import COEFFICIENTS
from trainers.loop.options import Options
from trainers.loop.session import Session
from trainers.recipes import get_recipe
from trainers.recipes.recipe import Rates, Recipe
from trainers.step import build_parts, train_step
from vqzoo.analysis.log import read
from vqzoo.autoencoders import build_autoencoder
from vqzoo.ops.pixels import from_bytes

BATCH = 64
STEPS = 60
ROUNDS = 5
HEADS = {"heads": 32, "codebook_dim": 4, "separate_codebook_per_head": False, "use_cosine_sim": True}
PEERS: dict[str, tuple[float, dict[str, Any]]] = {
    "cifar10-ema-1024x128": (1.5, {"codebook_size": 1024, "decay": 0.99}),
    "cifar10-looc-256x4": (4.5, {"codebook_size": 256, "decay": 0.99, **HEADS}),
}
"""The ratio aimed at, and the peer's settings."""


class Peer(nn.Module):
    """The same encoder and decoder around vector-quantize-pytorch's quantizer."""

    def __init__(self, recipe: Recipe, settings: dict[str, Any]):
        super().__init__()
        self.autoencoder = build_autoencoder(channels=3, latent_dim=recipe.latent_dim, **recipe.autoencoder)
        self.quantizer = VectorQuantize(dim=recipe.latent_dim, accept_image_fmap=True, **settings)

    def forward(self, images: Tensor) -> Tensor:
        """Return the loss."""
        quantized, _, loss = self.quantizer(self.autoencoder.encode(images))
        return F.mse_loss(self.autoencoder.decode(quantized), images) / 4 + loss.sum()


def ours_step(recipe: Recipe, pixels: Tensor) -> Callable[[], None]:
    """Return the trainer's own step, with the peer's optimizer."""
    recipe = replace(recipe, optimizer="adam", learning_rate=1e-4, rates=Rates(), schedule="constant", warmup=0)
    tokenizer = recipe.build().to(memory_format=torch.channels_last)
    parts = build_parts(recipe, tokenizer)

    def step() -> None:
        train_step(parts, [pixels], 0)

    return step


def peer_step(recipe: Recipe, settings: dict[str, Any], images: Tensor) -> Callable[[], None]:
    """Return a training step with the peer's quantizer."""
    peer = Peer(recipe, settings).to(images.device).train()
    optimizer = torch.optim.Adam(peer.parameters(), 1e-4)

    def step() -> None:
        peer(images).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def timms_steps() -> AbstractContextManager[Any]:
    """Return a context in which Muon takes timm's Newton-Schulz steps, in float32."""

    def orthogonalize(matrix: Tensor, eps: float, safety_factor: float) -> Tensor:
        return zeropower_via_newtonschulz(matrix, 5, COEFFICIENTS, eps, safety_factor, matrix.dtype)

    return patch("trainers.loop.muon.orthogonalize", orthogonalize)


def muon_step(recipe: Recipe, pixels: Tensor, timms: bool) -> Callable[[], None]:
    """Return the trainer's step with the recipe's optimizer, or with timm's Newton-Schulz steps in float32."""
    torch.manual_seed(0)
    parts = build_parts(recipe, recipe.build().to(memory_format=torch.channels_last))

    def step() -> None:
        with timms_steps() if timms else nullcontext():
            train_step(parts, [pixels], 0)

    return step


def write_images(folder: Path, num: int) -> None:
    """Write a local data set of noise: the content of images does not affect the time."""
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
        for number in range(num):
            noise = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / split / f"{number}.png")


def loop_rate(recipe: Recipe, data: Path, root: Path) -> float:
    """Return the trainer's images/s, without the first row of its log, which includes the start."""
    session = Session(recipe, Options(str(data), root / "runs", root / "cards", log_every=15))
    fit(session)
    rows = read(session.folder / "metrics.jsonl")
    return statistics.median(row["images_per_second"] for row in rows[1:] if "images_per_second" in row)


def bare_rate(step: Callable[[], None]) -> float:
    """Return the images/s of a bare step."""
    start = time.perf_counter()
    for _ in range(STEPS // 2):
        step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return STEPS // 2 * BATCH / (time.perf_counter() - start)


def loops(recipe: Recipe, pixels: Tensor) -> list[float]:
    """Return for each round the loop's images/s as a share of the bare step's, measured before and after it."""
    step, shares = ours_step(recipe, pixels), []
    recipe = replace(
        recipe, optimizer="adam", steps=STEPS, batch_size=BATCH, evaluate_every=STEPS, held_out=16, train_images=1024
    )
    with tempfile.TemporaryDirectory() as name:
        write_images(Path(name, "data"), 1100)
        bare_rate(step)
        for turn in range(ROUNDS):
            before = bare_rate(step)
            rate = loop_rate(recipe, Path(name, "data"), Path(name, str(turn)))
            shares.append(2 * rate / (before + bare_rate(step)))
    return sorted(shares)


def main(threads: int) -> None:
    """Run the benchmark and print its tables."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pixels = torch.randint(256, (BATCH, 3, 32, 32), dtype=torch.uint8, device=device)
    images = from_bytes(pixels)
    print(f"## {machine()}\n\n### One training step, networks included, {BATCH} images of 32 x 32\n")
    print("| recipe | vqzoo | vector-quantize-pytorch | ratio (quartiles) | asked | images/s |\n|" + "---|" * 6)
    for name, (aim, settings) in PEERS.items():
        recipe = get_recipe(name)
        run = compare(ours_step(recipe, pixels), peer_step(recipe, settings, images), rounds=9)
        print(f"| {name} | {run.row()} | {aim}x | {1000 * BATCH / run.ours:.0f} |", flush=True)
    print("\n### One training step of cifar10-none-128 with Muon, and with timm's Newton-Schulz steps\n")
    print("| images | vqzoo | timm | ratio (quartiles) | images/s |\n|" + "---|" * 5)
    for batch in (16, 64):
        recipe = get_recipe("cifar10-none-128")
        run = compare(muon_step(recipe, pixels[:batch], False), muon_step(recipe, pixels[:batch], True), rounds=9)
        print(f"| {batch} | {run.row()} | {1000 * batch / run.ours:.0f} |", flush=True)
    print("\n### The trainer's loop beside its bare step, a set in memory\n")
    print("| recipe | images/s, share of the bare step's (quartiles) | asked |\n|" + "---|" * 3)
    for name in PEERS:
        low, middle, high = statistics.quantiles(loops(get_recipe(name), pixels), n=4)
        print(f"| {name} | **{middle:.1%}** ({low:.1%} to {high:.1%}) | 95% |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
