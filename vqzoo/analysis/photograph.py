"""Reconstruction of one photograph by a tokenizer or a codec, with quality, cost and codebook usage."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from vqzoo.analysis.codecs import compress, decode, encode
from vqzoo.analysis.encode import original_of, to_rgb
from vqzoo.analysis.linear import at_bits, components, nearest
from vqzoo.analysis.reach import Part
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


@torch.inference_mode()
def reconstruct(
    tokenizer: Tokenizer,
    pixels: np.ndarray,
    perceptual: Perceptual | None = None,
    position: bool = True,
    levels: int | None = None,
    part: Part | None = None,
) -> Result:
    """Encode and decode a photograph, uint8 (h, w, 3) of any size, in one piece on the tokenizer's device.

    A grey tokenizer encodes the photograph's luminance, which is then the original. Times on a GPU are those of a
    second run, as the first run of a size also selects kernels. `position=False` omits the positional encoding.
    `levels` decodes only the first levels of a residual quantizer, at their bits; indices are not counted then.
    `part`, whose pixels are `pixels`, is reconstructed as it is in the whole picture, see `analysis.reach`.
    Raises ValueError for levels that the tokenizer does not have.
    """
    device = next(tokenizer.parameters()).device
    original = original_of(tokenizer, pixels if part is None else part.around)
    images = from_bytes(original)
    held = _held(device)
    tokens, encode_ms = _timed(lambda: tokenizer.encode(images, position), device)
    if levels is not None:
        tokens = tokenizer.first_levels(tokens, levels)
    restored, decode_ms = _timed(lambda: to_bytes(tokenizer.decode(tokens, position)), device)
    peak_bytes = None if held is None else torch.cuda.max_memory_allocated(device) - held

    if part is not None:
        tokens = part.tokens(tokens, tokenizer.multiple)
        restored, original = part.cut(restored), part.cut(original)
    metrics = _metrics(restored, original, tokenizer.bits(tokens).item(), perceptual)
    counts = count(tokenizer, tokens) if levels is None else None
    metrics |= usage_metrics(tokenizer, counts)
    metrics |= {"encode_ms": encode_ms, "decode_ms": decode_ms, "peak_bytes": peak_bytes}
    metrics["parameters"] = _size(tokenizer)
    uses = None if counts is None else [column.cpu().numpy() for column in counts]
    shown = pixels if tokenizer.autoencoder.channels == 3 else to_rgb(original)  # models share one copy of the pixels
    return Result(to_rgb(restored), shown, metrics, uses, codebook_of(tokenizer))


@torch.inference_mode()
def code(codec: str, pixels: np.ndarray, bits: float, perceptual: Perceptual | None = None) -> Result:
    """Code a photograph, uint8 (h, w, 3), by an image codec in at most `bits`, see `analysis.codecs.compress`.

    Metrics include quality and met. Times are those of one encoding and decoding at the final quality.
    """
    original = torch.from_numpy(pixels).permute(2, 0, 1)
    coded = compress(codec, original, bits)
    cpu = torch.device("cpu")
    _, encode_ms = _timed(lambda: encode(codec, original, coded.settings, coded.quality), cpu)
    _, decode_ms = _timed(lambda: decode(coded.file, original), cpu)
    device = cpu if perceptual is None else next(perceptual.parameters()).device
    restored, original = coded.image[None].to(device), original[None].to(device)
    metrics = _metrics(restored, original, coded.bits, perceptual)
    metrics |= {"usage": None, "encode_ms": encode_ms, "decode_ms": decode_ms, "peak_bytes": None}
    metrics |= {"quality": coded.quality, "met": coded.met}
    return Result(to_rgb(restored), pixels, metrics, None, ())


def code_linear(
    tokenizers: Mapping[str, Tokenizer], pixels: np.ndarray, bits: float, perceptual: Perceptual | None = None
) -> Result:
    """Code a photograph by the best of several fitted PCA tokenizers of colour images in at most `bits`.

    The best has the least squared error, see `analysis.linear`. Metrics include its name as "basis", and "components":
    how many of its components are stored.
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
    """Return the bytes allocated on a GPU and reset its peak; None for a CPU."""
    if device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def _size(tokenizer: Tokenizer) -> int:
    """Count weights and codevectors, whether they are learnt by gradient or by statistics."""
    numbers = (*tokenizer.parameters(), *tokenizer.buffers())
    return sum(each.numel() for each in numbers if each.is_floating_point())


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
