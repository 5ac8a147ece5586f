"""A fitted PCA tokenizer at fewer bits than it was made for: fewer components or coarser steps, nothing fitted anew."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vqzoo.quantizers import Quantizer
from vqzoo.tokenizer import Tokenizer


def at_bits(tokenizer: Tokenizer, size: tuple[int, int], bits: float) -> list[Tokenizer]:
    """The tokenizer with alphabets that cost an image of that height and width at most `bits`, in two ways; alone and
    as it is if it costs no more.

    Both, see `Uniform.coarser`, depend on the bits and the size alone, so that decoding needs nothing but the indices.
    """
    stride = tokenizer.autoencoder.strides[0]
    budget = bits / math.prod(-(-side // stride) for side in size)
    return [_with(tokenizer, quantizer) for quantizer in tokenizer.quantizers[0].coarser(budget)]


def components(tokenizer: Tokenizer) -> int:
    """How many coefficients of a block are stored: those that have more than one value."""
    return sum(size > 1 for size in tokenizer.quantizers[0].index_sizes)


@torch.inference_mode()
def nearest(tokenizers: Mapping[str, Sequence[Tokenizer]], images: Tensor) -> tuple[str, Tokenizer]:
    """Whose reconstruction of images (1, c, h, w) has the least squared error, and under which name it stands."""
    errors = {
        (name, number): (each(images).images - images).square().sum().item()
        for name, all_of_it in tokenizers.items()
        for number, each in enumerate(all_of_it)
    }
    name, number = min(errors, key=lambda place: errors[place])
    return name, tokenizers[name][number]


def _with(tokenizer: Tokenizer, quantizer: Quantizer) -> Tokenizer:
    if quantizer is tokenizer.quantizers[0]:
        return tokenizer
    return Tokenizer(tokenizer.autoencoder, quantizer, tokenizer.position, tokenizer.resolution).eval()
