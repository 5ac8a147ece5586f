"""A tokenizer measured over a data set."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from vqzoo.metrics import PROTOCOL, Perceptual, codebook_stats, count_indices, l1, psnr, rate, ssim
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.quantizers.adaptive import Adaptive
from vqzoo.tokenizer import Tokenizer


@dataclass(frozen=True)
class Evaluation:
    """metrics: name -> number, or None where it is not available; counts: (q, K) uses of each index, or None."""

    metrics: dict[str, Any]
    counts: Tensor | None


@torch.inference_mode()
def evaluate(
    tokenizer: Tokenizer, images: Tensor, perceptual: Perceptual | None = None, batch_size: int = 250
) -> Evaluation:
    """Reconstruct uint8 images (n, c, h, w) and measure by protocol "lossless"; the tokenizer must be in eval mode.

    Metrics: l1, psnr (dB), ssim, lpips (None without `perceptual`), usage, dead, perplexity (None where nothing can be
    counted), bits_per_image, bits_per_pixel, share_of_raw; each is a mean over images or over the whole set, so that
    batch size does not matter. Where a quantizer chooses among codebooks, also selection: "K x d" -> share of its
    choices. Raises ValueError for an empty set.
    """
    if not len(images):
        raise ValueError("images: the set is empty; expected at least one image")
    assert not tokenizer.training
    device = next(tokenizer.parameters()).device
    quantizer = tokenizer.quantizer
    sums: dict[str, float] = {}
    counts: Tensor | None = None
    for batch in images.split(batch_size):
        batch = batch.to(device)
        out = tokenizer(from_bytes(batch))
        restored = to_bytes(out.images)
        values = {"l1": l1(restored, batch), "psnr": psnr(restored, batch), "ssim": ssim(restored, batch)}
        if perceptual is not None and (distance := perceptual(restored, batch)) is not None:
            values["lpips"] = distance
        values["bits"] = tokenizer.bits(out.tokens)
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value.double().sum().item()
        counted = count_indices(out.tokens.grids[0], quantizer.index_sizes)
        if counted is not None:
            counts = counted if counts is None else counts + counted
    means = {name: value / len(images) for name, value in sums.items()}
    metrics: dict[str, Any] = {"protocol": PROTOCOL, "num_images": len(images)}
    metrics |= {name: means.get(name) for name in ("l1", "psnr", "ssim", "lpips")}
    metrics["lpips_network"] = perceptual.name if perceptual is not None and "lpips" in means else None
    if counts is None:
        metrics |= {"usage": None, "dead": None, "perplexity": None}
    else:
        metrics |= asdict(codebook_stats(counts, quantizer.index_sizes, quantizer.codebook_of))
        if isinstance(quantizer, Adaptive):
            metrics["selection"] = quantizer.shares(counts[0])
    metrics |= asdict(rate(means["bits"], *images.shape[1:]))
    return Evaluation(metrics, None if counts is None else counts.cpu())
