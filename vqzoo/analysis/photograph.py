"""A tokenizer on one photograph: the reconstruction, its quality, its cost, its use of the codebook."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from vqzoo.metrics import Perceptual, codebook_stats, count_indices, l1, psnr, rate, ssim
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.tokenizer import Tokenizer

T = TypeVar("T")

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow converts to grey


@dataclass(frozen=True, eq=False)
class Result:
    """pixels: uint8 (h, w, 3), what comes back; original: what went in, grey where the tokenizer is;
    metrics: those of `analysis.evaluation` for this one image, with encode_ms and decode_ms;
    counts: (q, K) uses of each index, or None where they cannot be counted; codebook_of: which codebook each of the q
    columns points into."""

    pixels: np.ndarray
    original: np.ndarray
    metrics: dict[str, Any]
    counts: Tensor | None
    codebook_of: tuple[int, ...]


@torch.inference_mode()
def reconstruct(
    tokenizer: Tokenizer, pixels: np.ndarray, perceptual: Perceptual | None = None, position: bool = True
) -> Result:
    """Encode and decode a photograph, uint8 (h, w, 3) of any size, in one piece on the tokenizer's device.

    A tokenizer of grey images gets, and is measured against, the photograph's luminance. Times are those of a second
    run, as the first one of a size also prepares the device for it. `position=False` decodes without the encoding.
    """
    device = next(tokenizer.parameters()).device
    original = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None]
    if tokenizer.autoencoder.channels == 1:
        weights = torch.tensor(_LUMA, device=device).view(1, 3, 1, 1)
        original = (original * weights).sum(1, keepdim=True).round().to(torch.uint8)
    images = from_bytes(original)
    tokens, encode_ms = _timed(lambda: tokenizer.encode(images), device)
    restored, decode_ms = _timed(lambda: to_bytes(tokenizer.decode(tokens, position)), device)

    metrics: dict[str, Any] = {
        name: measure(restored, original).item() for name, measure in (("psnr", psnr), ("ssim", ssim), ("l1", l1))
    }
    distance = perceptual(restored, original) if perceptual is not None else None
    metrics["lpips"] = None if distance is None else distance.item()
    metrics |= asdict(rate(tokenizer.bits(tokens).item(), *original.shape[1:]))
    quantizer = tokenizer.quantizer
    counts = count_indices(tokens.grids[0], quantizer.index_sizes)
    metrics["usage"] = None
    if counts is not None:
        metrics |= asdict(codebook_stats(counts, quantizer.index_sizes, quantizer.codebook_of))
        counts = counts.cpu()
    metrics |= {"encode_ms": encode_ms, "decode_ms": decode_ms}
    return Result(_to_rgb(restored), _to_rgb(original), metrics, counts, quantizer.codebook_of)


def _timed(run: Callable[[], T], device: torch.device) -> tuple[T, float]:
    run()
    _wait(device)
    start = time.perf_counter()
    result = run()
    _wait(device)
    return result, (time.perf_counter() - start) * 1000


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _to_rgb(image: Tensor) -> np.ndarray:
    return image[0].expand(3, -1, -1).permute(1, 2, 0).contiguous().cpu().numpy()
