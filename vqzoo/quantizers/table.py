"""The table of quantizers: a name, and a builder whose keywords are what config.json holds."""

from collections.abc import Callable
from typing import Any

from vqzoo.ops.build import build_from
from vqzoo.ops.check import check_int
from vqzoo.ops.lookup import Metric
from vqzoo.quantizers.base import Quantizer
from vqzoo.quantizers.codebook import build_codebook
from vqzoo.quantizers.identity import Identity
from vqzoo.quantizers.nearest import NearestCodevector
from vqzoo.quantizers.residual import Residual
from vqzoo.quantizers.segmented import Segmented
from vqzoo.quantizers.smoothed import Smoothed


def none(dim: int) -> Quantizer:
    """Latents as they are, 32 bits a number: the plain autoencoder."""
    return Identity(dim)


def vq(dim: int, codebook_size: int = 1024, metric: Metric = "l2") -> Quantizer:
    """VQ-VAE: nearest codevector, codebook learnt by gradient (arXiv:1711.00937)."""
    return NearestCodevector(build_codebook("gradient", codebook_size, dim), metric)


def ema(dim: int, codebook_size: int = 1024, metric: Metric = "l2") -> Quantizer:
    """VQ-VAE with a codebook of moving averages (arXiv:1711.00937, appendix A.1)."""
    return NearestCodevector(build_codebook("ema", codebook_size, dim), metric)


def cvq(dim: int, codebook_size: int = 1024, metric: Metric = "cosine") -> Quantizer:
    """CVQ-VAE: online-clustered codebook, dead codevectors re-anchored (arXiv:2307.15139)."""
    return NearestCodevector(build_codebook("cvq", codebook_size, dim), metric)


def rvq(dim: int, codebook_size: int = 256, levels: int = 8, rule: str = "ema", metric: Metric = "l2") -> Quantizer:
    """Residual quantization with one codebook a level (arXiv:2107.03312)."""
    check_int("levels", levels, 1, 256)
    codebooks = [build_codebook(rule, codebook_size, dim, level) for level in range(levels)]
    return Residual([NearestCodevector(codebook, metric) for codebook in codebooks])


def looc(
    dim: int,
    codebook_size: int = 256,
    segments: int = 32,
    factor: int = 1,
    rule: str = "cvq",
    metric: Metric = "cosine",
) -> Quantizer:
    """LooC: one small codebook shared by all segments of a latent, on an interpolated grid (arXiv:2601.00222)."""
    check_int("dim", dim, 1, 4096)
    check_int("segments", segments, 1, 4096)
    if dim % segments:
        fits = [m for m in range(1, dim + 1) if dim % m == 0]
        raise ValueError(f"segments={segments}: dim={dim} cannot be cut into that many; possible: {fits}")
    codebook = build_codebook(rule, codebook_size, dim // segments)
    return Smoothed(Segmented(NearestCodevector(codebook, metric), segments), factor)


QUANTIZERS: dict[str, Callable[..., Quantizer]] = {
    "none": none,
    "vq": vq,
    "ema": ema,
    "cvq": cvq,
    "rvq": rvq,
    "looc": looc,
}


def build(name: str, **settings: Any) -> Quantizer:
    """The quantizer called `name` in the table; `dim` is the length of a latent, the rest has defaults.

    Raises ValueError for an unknown name or setting, or a value out of range, saying which are known or right.
    """
    return build_from(QUANTIZERS, "quantizer", name, settings)
