"""Fitted PCA tokenizers at lower rates: fewer components or coarser steps, without refitting."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vqzoo.quantizers import Quantizer
from vqzoo.tokenizer import Tokenizer


def at_bits(tokenizer: Tokenizer, size: tuple[int, int], bits: float) -> list[Tokenizer]:
    """Return two coarser versions of a PCA tokenizer that code an image of `size` (height, width) in at most `bits`.

    `Uniform.coarser` describes the two. They depend only on bits and size, so decoding needs nothing but the indices.
    Returns only the tokenizer itself if it meets the bits already.
    """
    stride = tokenizer.autoencoder.strides[0]
    budget = bits / math.prod(-(-side // stride) for side in size)
    return [_with(tokenizer, quantizer) for quantizer in tokenizer.quantizers[0].coarser(budget)]


def components(tokenizer: Tokenizer) -> int:
    """Return how many coefficients of a block are stored, which are those with more than one value."""
    return sum(size > 1 for size in tokenizer.quantizers[0].index_sizes)


@torch.inference_mode()
def nearest(tokenizers: Mapping[str, Sequence[Tokenizer]], images: Tensor) -> tuple[str, Tokenizer]:
    """Return (name, tokenizer) of the reconstruction of images (1, c, h, w) with the least squared error."""
    named = [(name, each) for name, versions in tokenizers.items() for each in versions]
    return min(named, key=lambda pair: (pair[1](images).images - images).square().sum().item())


def _with(tokenizer: Tokenizer, quantizer: Quantizer) -> Tokenizer:
    if quantizer is tokenizer.quantizers[0]:
        return tokenizer
    return Tokenizer(tokenizer.autoencoder, quantizer, tokenizer.position, tokenizer.resolution).eval()
