"""Compare .vqz files with an ideal code by a prior, and count probabilities that another processor rounds differently.

    python benchmarks/vqz_prior.py [--images 200]

The first test images of CIFAR-10 by each tokenizer that has an autoregressive prior in the registry. Bits are of the
symbols alone, without a file's header, and the prior is not told the class. Another process computes the probabilities
of the same tokens with the instructions of processors without AVX-512; a probability differs if its first 24 bits do.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
import torch

from trainers.data.pictures import read_pixels
from trainers.data.sets import open_splits
from vqzoo.generation.listing import PriorRecord, local_priors
from vqzoo.generation.prior import Prior
from vqzoo.generation.store import load_prior
from vqzoo.tokenizer import Tokens
from vqzoo.tokens.vqz import compress
from vqzoo.views.vqz import shipped

OLDER = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
BATCH = 50


def main() -> None:
    """Measure and print a row for each prior."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--again", nargs=3, help=argparse.SUPPRESS)  # in the other process: NAME TOKENS FOLDER
    settings = parser.parse_args()
    if settings.again:
        name, tokens, folder = settings.again
        write_bits(name, Tokens.load(tokens), Path(folder))
        return
    cells = open_splits("cifar10", ["test"])["test"][: settings.images]["image"]
    pixels = torch.stack([torch.from_numpy(read_pixels(cell, 3, 8192)) for cell in cells])
    print("| prior | fixed length | usage | neighbours | prior | differ in float32 | in float64 |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for record in local_priors()[0]:
        if record.kind.startswith("ar"):
            print(row(record, pixels))


def row(record: PriorRecord, pixels: torch.Tensor) -> str:
    """Return a row of the table: bits an image, then shares of probabilities that differ."""
    name, loaded = record.name, load_prior(record.name)
    tokens = Tokens.cat([loaded.tokenizer.encode(part) for part in pixels.split(BATCH)])
    of = shipped(record.tokenizer)
    bits = [
        mean(
            compress(loaded.tokenizer, tokens[one : one + 1], of, model=model).model_bits for one in range(len(tokens))
        )
        for model in ("even", "usage", "neighbours")
    ]
    with tempfile.TemporaryDirectory() as folder:
        here, there, file = Path(folder, "here"), Path(folder, "there"), Path(folder, "tokens.safetensors")
        here.mkdir()
        there.mkdir()
        tokens.save(file)
        write_bits(name, tokens, here)
        subprocess.run(
            [sys.executable, __file__, "--again", name, str(file), str(there)], env=os.environ | OLDER, check=True
        )
        bits.append(np.load(here / "float32.npy").sum(1).mean())
        shares = [
            (_whole(np.load(here / f"{kind}.npy")) != _whole(np.load(there / f"{kind}.npy"))).mean()
            for kind in ("float32", "float64")
        ]
    return f"| {name} | " + " | ".join([*(f"{each:.1f}" for each in bits), *(f"{each:.1%}" for each in shares)]) + " |"


def write_bits(name: str, tokens: Tokens, folder: Path) -> None:
    """Write the bits (n, length) of each position, from weights in float32 and in float64."""
    prior = load_prior(name).prior
    np.save(folder / "float32.npy", position_bits(prior, tokens))
    np.save(folder / "float64.npy", position_bits(prior.double(), tokens))


@torch.inference_mode()
def position_bits(prior: Prior, tokens: Tokens) -> np.ndarray:
    """Return the bits (n, length) of each position of images of no known class."""
    parts = [tokens[start : start + BATCH] for start in range(0, len(tokens), BATCH)]
    flat = [prior.sequences.flatten(part, torch.full((len(part),), -1)) for part in parts]
    bits: np.ndarray = torch.cat([prior.position_bits(each) for each in flat]).double().numpy()
    return bits


def _whole(bits: np.ndarray) -> np.ndarray:
    whole: np.ndarray = np.round(2 ** (24 - bits))
    return whole


if __name__ == "__main__":
    main()
