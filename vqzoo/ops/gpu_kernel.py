"""A product with short vectors and its arg-max in one, for a GPU."""

import torch
import triton
import triton.language as tl
from torch import Tensor

_LATENTS, _CODEVECTORS = 64, 64  # of a program, at a time


def search(latents: Tensor, codebook: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """The largest z.e_k + bias_k of each latent and its index; ties go to the lowest index.

    latents (n, d), codebook (k, d), bias (k,), all float32 -> (n,) float32, (n,) int64. Nothing but these is written to
    memory, where the product would be k / d times as large as the latents.
    """
    n, dim = latents.shape
    values, indices = latents.new_empty(n), latents.new_empty(n, dtype=torch.int64)
    bias = codebook.new_zeros(len(codebook)) if bias is None else bias.contiguous()
    tensors = (latents.contiguous(), codebook.T.contiguous(), bias, values, indices)
    _search[(triton.cdiv(n, _LATENTS),)](*tensors, n, len(codebook), dim, _LATENTS, _CODEVECTORS)
    return values, indices


@triton.jit
def _search(
    latents, columns, bias, values, indices, n, k, DIM: tl.constexpr, LATENTS: tl.constexpr, CODEVECTORS: tl.constexpr
):
    """Each of CODEVECTORS lanes keeps the best of those that it saw; lanes are compared once, at the end."""
    rows = tl.program_id(0).to(tl.int64) * LATENTS + tl.arange(0, LATENTS)
    lanes = tl.arange(0, CODEVECTORS)
    best = tl.full([LATENTS, CODEVECTORS], float("-inf"), tl.float32)
    found = tl.zeros([LATENTS, CODEVECTORS], tl.int32)
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
        found = tl.where(better, start, found)
    top = tl.max(best, 1)
    first = tl.min(tl.where(best == top[:, None], found + lanes[None, :], k), 1)
    tl.store(values + rows, top, mask=rows < n)
    tl.store(indices + rows, first.to(tl.int64), mask=rows < n)
