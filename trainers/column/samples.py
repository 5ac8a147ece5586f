"""Samples of a prior in parts, each of which is written when it is drawn."""

import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from vqzoo.files.storage import read_json, write_json
from vqzoo.generation.prior import Sampling
from vqzoo.generation.store import Loaded
from vqzoo.ops.pixels import to_bytes
from vqzoo.tokenizer import Tokens

PART = 250
"""Images of a part; the seed of a part is its number."""
MOST = 10_000
"""As many as there are test images, which samples are compared with."""


def draw(loaded: Loaded, samples: int, folder: Path, guidance: float = 1.0) -> tuple[Tensor, Tensor, float]:
    """Return images (n, c, h, w) uint8, the class (n,) that each was asked for, and the seconds that an image took.

    Each class is asked for equally often. Parts that are in `folder`, drawn with the same `guidance`, are not
    drawn again. Raises ValueError unless `samples` are whole parts.
    """
    if samples % PART or not 0 < samples <= MOST:
        raise ValueError(f"samples={samples}: expected a multiple of {PART} up to {MOST:,}")
    folder.mkdir(parents=True, exist_ok=True)
    labels = labels_of(samples, len(loaded.classes))
    images, seconds = [], 0.0
    for number, part in enumerate(labels.split(PART)):
        path, timing = folder / f"{number:04}.safetensors", folder / f"{number:04}.json"
        if not path.is_file():
            start = time.perf_counter()
            tokens = loaded.prior.sample(part, Sampling(guidance=guidance, seed=number), batch_size=PART)
            pixels = _decoded(loaded, tokens)
            write_json(timing, {"seconds": time.perf_counter() - start})
            tokens.save(path)  # last, as a part counts that has this file
            print(f"{(number + 1) * PART:,} of {samples:,} images", flush=True)
        else:
            pixels = _decoded(loaded, Tokens.load(path))
        images.append(pixels)
        seconds += read_json(timing)["seconds"]
    return torch.cat(images), labels, seconds / samples


def labels_of(samples: int, classes: int) -> Tensor:
    """Return a class (n,) for each sample, in turn: parts have all of them equally often."""
    return torch.arange(samples) % classes


@torch.inference_mode()
def _decoded(loaded: Loaded, tokens: Tokens) -> Tensor:
    return to_bytes(loaded.tokenizer.decode(tokens.to(loaded.tokenizer.device))).cpu()


def decoded(loaded: Loaded, parts: Iterator[Tokens]) -> Tensor:
    """Return the images (n, c, h, w) uint8 of tokens that come in parts."""
    return torch.cat([_decoded(loaded, part) for part in parts])
