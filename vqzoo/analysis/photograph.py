"""A tokenizer, or a codec, on one photograph: the reconstruction, its quality, its cost, its use of the codebook."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from vqzoo.analysis.codecs import compress, decode, encode
from vqzoo.analysis.linear import at_bits, components, nearest
from vqzoo.analysis.result import Result
from vqzoo.analysis.usage import codebook_of, count, usage_metrics
from vqzoo.metrics.measure import compare
from vqzoo.metrics.perceptual import Perceptual
from vqzoo.metrics.rate import rate
from vqzoo.metrics.table import names
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.tokenizer import Tokenizer

__all__ = ["Result", "code", "code_linear", "reconstruct"]

T = TypeVar("T")

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow converts to grey


@torch.inference_mode()
def reconstruct(
    tokenizer: Tokenizer,
    pixels: np.ndarray,
    perceptual: Perceptual | None = None,
    position: bool = True,
    levels: int | None = None,
) -> Result:
    """Encode and decode a photograph, uint8 (h, w, 3) of any size, in one piece on the tokenizer's device.

    A tokenizer of grey images gets, and is measured against, the photograph's luminance. Times on a GPU are those of a
    second run, as the first one of a size also chooses kernels for it. `position=False` leaves the encoding out.
    `levels`: decode the first ones of a residual quantizer alone, at the bits of these; indices are not counted then.
    Raises ValueError for levels that the tokenizer does not have.
    """
    device = next(tokenizer.parameters()).device
    original = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None]
    if tokenizer.autoencoder.channels == 1:
        weights = torch.tensor(_LUMA, device=device).view(1, 3, 1, 1)
        original = (original * weights).sum(1, keepdim=True).round().to(torch.uint8)
    images = from_bytes(original)
    held = _held(device)
    tokens, encode_ms = _timed(lambda: tokenizer.encode(images, position), device)
    if levels is not None:
        tokens = tokenizer.first_levels(tokens, levels)
    restored, decode_ms = _timed(lambda: to_bytes(tokenizer.decode(tokens, position)), device)
    peak_bytes = None if held is None else torch.cuda.max_memory_allocated(device) - held

    metrics = _metrics(restored, original, tokenizer.bits(tokens).item(), perceptual)
    counts = count(tokenizer, tokens) if levels is None else None
    metrics |= usage_metrics(tokenizer, counts)
    metrics |= {"encode_ms": encode_ms, "decode_ms": decode_ms, "peak_bytes": peak_bytes}
    metrics["parameters"] = _size(tokenizer)
    uses = None if counts is None else [column.cpu().numpy() for column in counts]
    seen = pixels if tokenizer.autoencoder.channels == 3 else _to_rgb(original)  # one copy, however many models
    return Result(_to_rgb(restored), seen, metrics, uses, codebook_of(tokenizer))


@torch.inference_mode()
def code(codec: str, pixels: np.ndarray, bits: float, perceptual: Perceptual | None = None) -> Result:
    """What an image codec makes of a photograph, uint8 (h, w, 3), with at most `bits`; see `analysis.codecs.compress`.

    Metrics have, besides, quality and met. Times are those of one encoding and decoding at the quality found.
    """
    original = torch.from_numpy(pixels).permute(2, 0, 1)
    coded = compress(codec, original, bits)
    cpu = torch.device("cpu")
    _, encode_ms = _timed(lambda: encode(codec, original, coded.settings, coded.quality), cpu)
    _, decode_ms = _timed(lambda: decode(coded.file, original), cpu)
    # Measured where the network is.
    device = cpu if perceptual is None else next(perceptual.parameters()).device
    restored, original = coded.image[None].to(device), original[None].to(device)
    metrics = _metrics(restored, original, coded.bits, perceptual)
    metrics |= {"usage": None, "encode_ms": encode_ms, "decode_ms": decode_ms, "peak_bytes": None}
    metrics |= {"quality": coded.quality, "met": coded.met}
    return Result(_to_rgb(restored), pixels, metrics, None, ())


def code_linear(
    tokenizers: Mapping[str, Tokenizer], pixels: np.ndarray, bits: float, perceptual: Perceptual | None = None
) -> Result:
    """What fitted PCA tokenizers of colour images make of a photograph with at most `bits`, see `analysis.linear`.

    Of all of them the one with the least squared error. Metrics have, besides, its name as basis, and components: how
    many it stores of how many it has.
    """
    size = (pixels.shape[0], pixels.shape[1])
    coarser = {name: at_bits(each, size, bits) for name, each in tokenizers.items()}
    device = next(next(iter(tokenizers.values())).parameters()).device
    images = from_bytes(torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None])
    name, best = nearest(coarser, images)
    result = reconstruct(best, pixels, perceptual)
    stored = f"{components(best)} of {components(tokenizers[name])}"
    extras = {"usage": None, "basis": name, "components": stored}
    return Result(result.pixels, result.original, result.metrics | extras, None, ())


def _metrics(restored: Tensor, original: Tensor, bits: float, perceptual: Perceptual | None) -> dict[str, Any]:
    values = compare(restored, original, perceptual)
    metrics = {name: values[name].item() if name in values else None for name in names("image")}
    return metrics | asdict(rate(bits, original.shape[1], original.shape[2] * original.shape[3]))


def _timed(run: Callable[[], T], device: torch.device) -> tuple[T, float]:
    if device.type == "cuda":
        run()
    _wait(device)
    start = time.perf_counter()
    result = run()
    _wait(device)
    return result, (time.perf_counter() - start) * 1000


def _held(device: torch.device) -> int | None:
    """Bytes of a GPU's memory that are taken before a run; its peak is counted from now on."""
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def _size(tokenizer: Tokenizer) -> int:
    """Weights and codevectors, whether they are learnt by gradient or by statistics."""
    numbers = (*tokenizer.parameters(), *tokenizer.buffers())
    return sum(each.numel() for each in numbers if each.is_floating_point())


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _to_rgb(image: Tensor) -> np.ndarray:
    return image[0].expand(3, -1, -1).permute(1, 2, 0).contiguous().cpu().numpy()
