"""Fused product and arg-max for short codevectors on a GPU."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

_LATENTS, _CODEVECTORS = 64, 64  # tile of one program


def search(latents: Tensor, codebook: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the largest z.e_k + bias_k of each latent and its index; the lowest index wins ties.

    latents (n, d), codebook (k, d), bias (k,), all float32 -> (n,) float32, (n,) int64. The product, k / d times as
    large as the latents, is never written to memory.
    """
    n, dim = latents.shape
    values, indices = latents.new_empty(n), latents.new_empty(n, dtype=torch.int64)
    bias = codebook.new_zeros(len(codebook)) if bias is None else bias.contiguous()
    tensors = (latents.contiguous(), codebook.T.contiguous(), bias, values, indices)
    _search[(triton.cdiv(n, _LATENTS),)](*tensors, n, len(codebook), dim, _LATENTS, _CODEVECTORS)
    return values, indices


@triton.jit
def _search(
    latents: Any,
    columns: Any,
    bias: Any,
    values: Any,
    indices: Any,
    n: Any,
    k: Any,
    DIM: tl.constexpr,
    LATENTS: tl.constexpr,
    CODEVECTORS: tl.constexpr,
) -> None:
    """Keep the best of the codevectors that each of CODEVECTORS lanes has seen; compare the lanes at the end."""
    rows = tl.program_id(0).to(tl.int64) * LATENTS + tl.arange(0, LATENTS)
    lanes = tl.arange(0, CODEVECTORS)
    best = tl.full([LATENTS, CODEVECTORS], float("-inf"), tl.float32)
    winner = tl.zeros([LATENTS, CODEVECTORS], tl.int32)
    for start in range(0, k, CODEVECTORS):
        codes = start + lanes
        scores = tl.zeros([LATENTS, CODEVECTORS], tl.float32)
        for dim in tl.static_range(DIM):
            z = tl.load(latents + rows * DIM + dim, mask=rows < n, other=0.0)
            e = tl.load(columns + dim * k + codes, mask=codes < k, other=0.0)
            scores += z[:, None] * e[None, :]
        scores += tl.load(bias + codes, mask=codes < k, other=float("-inf"))[None, :]
        better = scores > best
        best = tl.where(better, scores, best)
        winner = tl.where(better, start, winner)
    top = tl.max(best, 1)
    first = tl.min(tl.where(best == top[:, None], winner + lanes[None, :], k), 1)
    tl.store(values + rows, top, mask=rows < n)
    tl.store(indices + rows, first.to(tl.int64), mask=rows < n)
