"""Measure .vqz files of photographs: bytes and cross-entropy, by usage and by neighbours, and image codecs.

    python benchmarks/vqz.py [--images 24] [--out benchmarks/vqz.csv]

Kodak's photographs through three tokenizers of different kinds. Each file is read again in another process with another
number of threads, and its tokens compared. Codecs get the bytes of the neighbour model's file.
"""

import argparse
import csv
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from trainers.data.pictures import read_pixels
from trainers.data.sets import open_splits
from vqzoo.analysis.codecs import compress as code
from vqzoo.analysis.formats import available
from vqzoo.hub.registry import load
from vqzoo.metrics.measure import compare
from vqzoo.ops.pixels import to_bytes
from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.tokens.header import facts
from vqzoo.tokens.vqz import Shipped, compress, decompress
from vqzoo.views.vqz import shipped

MODELS = ("flowers-vqgan-1024x256", "cifar10-ema-1024x128", "cifar10-rvq-8x256")
CODECS = tuple(available())
COLUMNS = (
    "model",
    "image",
    "fixed_bytes",
    "usage_bytes",
    "neighbours_bytes",
    "header_bytes",
    "cross_entropy_bytes",
    "write_s",
    "read_s",
    "psnr",
    *(f"{codec}_{what}" for codec in CODECS for what in ("bytes", "psnr")),
)


def main() -> None:
    """Measure, write the table, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("vqz.csv"))
    parser.add_argument("--read", nargs="+", help=argparse.SUPPRESS)  # in the other process: NAME FILE [...]
    settings = parser.parse_args()
    if settings.read:
        read_again(*settings.read)
        return
    rows = list(measured(settings.images))
    with settings.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for line in summary(rows):
        print(line)


def measured(number: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each model and photograph; fails if a file is read differently anywhere."""
    kodak = open_splits("kodak", ["test"])["test"][:number]["image"]
    for name in MODELS:
        tokenizer, of = load(name), shipped(name)
        with tempfile.TemporaryDirectory() as folder:
            files: dict[Path, str] = {}
            for index, cell in enumerate(kodak, 1):
                pixels = torch.from_numpy(read_pixels(cell, 3, 8192))[None]
                tokens = tokenizer.encode(pixels)
                path = Path(folder, f"{index}.vqz")
                yield {"model": name, "image": index, **_row(tokenizer, of, pixels, tokens, path)}
                files[path] = fingerprint(tokens)
            command = [sys.executable, __file__, "--read", name, *map(str, files)]
            variables = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads() + 1)}
            done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
            assert done.stdout.split() == list(files.values()), f"{name}: another process reads other tokens"


def _row(tokenizer: Tokenizer, of: Shipped, pixels: torch.Tensor, tokens: Tokens, path: Path) -> dict[str, Any]:
    usage = compress(tokenizer, tokens, of, model="usage")
    start = time.perf_counter()
    file = compress(tokenizer, tokens, of, model="neighbours")
    written = time.perf_counter()
    back = decompress(file.data, tokenizer, of)
    read = time.perf_counter()
    assert fingerprint(back) == fingerprint(tokens)
    path.write_bytes(file.data)
    row = {
        "fixed_bytes": round(tokenizer.bits(tokens).item() / 8),
        "usage_bytes": len(usage.data),
        "neighbours_bytes": len(file.data),
        "header_bytes": facts(file.data)["header_bytes"],
        "cross_entropy_bytes": round(file.model_bits / 8, 1),
        "write_s": round(written - start, 2),
        "read_s": round(read - written, 2),
        "psnr": _psnr(to_bytes(tokenizer.decode(back)), pixels),
    }
    for codec in CODECS:
        coded = code(codec, pixels[0], file.bits)
        row |= {f"{codec}_bytes": len(coded.file), f"{codec}_psnr": _psnr(coded.image[None], pixels)}
    return row


def _psnr(restored: torch.Tensor, original: torch.Tensor) -> float:
    return round(compare(restored, original, None)["psnr"].item(), 2)


def fingerprint(tokens: Tokens) -> str:
    """Return a hash of tokens."""
    digest = hashlib.sha256(repr(tokens.size).encode())
    for grid in tokens.grids:
        digest.update(np.ascontiguousarray(grid.cpu().numpy()).tobytes())
    return digest.hexdigest()


def read_again(name: str, *paths: str) -> None:
    """Print the fingerprint of the tokens of each file."""
    tokenizer, of = load(name), shipped(name)
    for path in paths:
        print(fingerprint(decompress(Path(path).read_bytes(), tokenizer, of)))


def summary(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line of a Markdown table for each model, and one for all."""
    yield "| model | fixed length | usage | neighbours | saved | over cross-entropy and header | PSNR | codecs |"
    yield "| --- | --: | --: | --: | --: | --: | --: | --- |"
    saved = []
    for name in MODELS:
        of = [row for row in rows if row["model"] == name]
        fixed, usage, file = (_mean(of, f"{key}_bytes") for key in ("fixed", "usage", "neighbours"))
        over = max(row["neighbours_bytes"] / (row["cross_entropy_bytes"] + row["header_bytes"]) - 1 for row in of)
        saved.append(1 - file / usage)
        codecs = ", ".join(
            f"{codec} {_mean(of, f'{codec}_psnr'):.2f} dB at {_mean(of, f'{codec}_bytes'):,.0f}" for codec in CODECS
        )
        psnr = _mean(of, "psnr")
        yield (
            f"| {name} | {fixed:,.0f} | {usage:,.0f} | {file:,.0f} | {saved[-1]:.1%} | at most {over:.2%} "
            f"| {psnr:.2f} dB | {codecs} |"
        )
    yield f"neighbours are {mean(saved):.1%} smaller than usage, mean over models"


def _mean(rows: list[dict[str, Any]], column: str) -> float:
    return mean(row[column] for row in rows)


if __name__ == "__main__":
    main()
