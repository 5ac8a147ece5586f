"""A fitted PCA tokenizer at fewer bits than it was made for: fewer components or coarser steps, nothing fitted anew."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vqzoo.quantizers.uniform import Uniform
from vqzoo.tokenizer import Tokenizer


def at_bits(tokenizer: Tokenizer, size: tuple[int, int], bits: float) -> list[Tokenizer]:
    """The tokenizer with alphabets that cost an image of that height and width at most `bits`, in two ways; alone and
    as it is if it costs no more.

    Fewer components: the first ones keep their alphabets, as many as fit. Coarser steps: every coefficient keeps its
    range and has at most its own alphabet, and all share one step, as in reverse water-filling; one whose range is
    under one and a half steps is not stored. Both hang on the bits and the size alone, so that decoding needs nothing
    but the indices.
    """
    quantizer, stride = tokenizer.quantizers[0], tokenizer.autoencoder.strides[0]
    assert isinstance(quantizer, Uniform)
    budget = bits / math.prod(-(-side // stride) for side in size)
    sizes = torch.tensor(quantizer.index_sizes, dtype=torch.float64)
    costs = sizes.log2()
    if costs.sum() <= budget:
        return [tokenizer]
    fewer = torch.where(costs.cumsum(0) <= budget, sizes, 1)
    return [_with(tokenizer, quantizer, levels) for levels in (fewer, _coarser(quantizer, sizes, budget))]


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


def _coarser(quantizer: Uniform, sizes: Tensor, budget: float) -> Tensor:
    step = quantizer.step.double().cpu()
    span = step * sizes

    def levels(shared: float) -> Tensor:
        return torch.minimum((span / shared).round().clamp(min=1), sizes)

    fine, coarse = float(step[step > 0].min()) / 2, float(span.max())
    for _ in range(60):
        middle = math.sqrt(fine * coarse)
        fine, coarse = (fine, middle) if levels(middle).log2().sum() <= budget else (middle, coarse)
    return levels(coarse)


def _with(tokenizer: Tokenizer, quantizer: Uniform, levels: Tensor) -> Tokenizer:
    """With other alphabets over the same ranges."""
    low = quantizer.low - quantizer.step / 2
    high = low + quantizer.step * torch.tensor(quantizer.index_sizes, device=low.device)
    other = Uniform([int(size) for size in levels]).to(low.device).fit(low, high)
    return Tokenizer(tokenizer.autoencoder, other, tokenizer.position, tokenizer.resolution).eval()
