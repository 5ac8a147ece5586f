"""Signs of LFQ and BSQ, predicted one by one: a head for each in place of a softmax over 2^d indices."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vqzoo.generation.autoregressive import StepPrior
from vqzoo.generation.prior import Prior, Sampling
from vqzoo.tokens.sequences import Sequences


class SignsPrior(Prior):
    """`ar` for indices that are d signs: the signs of a token are independent given the tokens before it.

    A token is seen as the sum of d embeddings, two for each sign, so there are 2 d in place of 2^d. Top-k and top-p
    choose between the two values of each sign. Source: the d binary classifiers of Infinity, arXiv:2412.04431.
    """

    def __init__(self, sequences: Sequences, width: int = 128, depth: int = 6, heads: int = 4):
        """Build the network: `width` channels, a multiple of twice the `heads`, in `depth` blocks."""
        super().__init__(sequences)
        self.split = _Split(sequences)
        self.steps = _SignSteps(self.split, self.split.signs, width, depth, heads)

    def position_bits(self, sequences: Tensor) -> Tensor:
        """Return the bits (b, length) of each token of sequences (b, length) given those before it."""
        prompt, signs = self.steps.position_bits(self.split.apart(sequences)).tensor_split([self.prompt_length], 1)
        return torch.cat([prompt, signs.unflatten(1, (-1, self.split.signs)).sum(2)], 1)

    def draw(self, sequences: Tensor, sampling: Sampling, first: int = 0, cached: bool = True) -> Iterator[Tensor]:
        """Yield sequences that go on from those given, a token more each time; see `StepPrior.draw`."""
        for drawn in self.steps.draw(self.split.apart(sequences), sampling, first, cached):
            if (drawn.shape[1] - self.prompt_length) % self.split.signs == 0:
                yield self.split.together(drawn)


class _Split(Sequences):
    """Sequences in which each token of d signs is d tokens of two values, that of bit 0 of the index first.

    The k-th codebook has the tokens from 2^d k on there, and those from 2 d k on here.
    """

    def __init__(self, whole: Sequences):
        prompt_length = 1 + bool(whole.classes)
        quantizers, sizes = whole.tokenizer.quantizers, set((whole.highs - whole.lows + 1)[prompt_length:].tolist())
        if {part.innermost.rounds_to for part in quantizers} != {"signs"}:
            names = " and ".join(part.config["name"] for part in quantizers)
            raise ValueError(f"indices of {names} are no signs: this prior needs a tokenizer with lfq or bsq")
        if len(sizes) > 1:
            raise ValueError(
                f"order={whole.order!r}, {len(sizes)} alphabets: this prior needs 'raster' and one alphabet"
            )
        self.signs = sizes.pop().bit_length() - 1
        self.prompt_length, self.classes = prompt_length, whole.classes
        self.begin = (whole.begin >> self.signs) * 2 * self.signs
        self.lower = whole.begin - self.begin
        self.pad, self.vocabulary_size = whole.pad - self.lower, whole.vocabulary_size - self.lower
        self.lows, self.highs = (self.apart(ends[None])[0] for ends in (whole.lows, whole.highs))
        self.length = len(self.lows)

    def apart(self, sequences: Tensor) -> Tensor:
        """Return the signs of sequences (b, n) of the whole."""
        prompt, tokens = sequences.tensor_split([self.prompt_length], 1)
        tokens, number = tokens[..., None], torch.arange(self.signs, device=tokens.device)
        signs = (tokens >> self.signs) * 2 * self.signs + 2 * number + (tokens >> number & 1)
        return torch.cat([prompt - self.lower, signs.flatten(1)], 1)

    def together(self, signs: Tensor) -> Tensor:
        """Return the sequences of the whole; the inverse of `apart`."""
        prompt, tokens = signs.tensor_split([self.prompt_length], 1)
        tokens, number = tokens.unflatten(1, (-1, self.signs)), torch.arange(self.signs, device=tokens.device)
        codebook = tokens[..., 0] // (2 * self.signs)
        return torch.cat([prompt + self.lower, (codebook << self.signs) + ((tokens & 1) << number).sum(2)], 1)


class _SignSteps(StepPrior):
    """A step is the signs of a token, each independent of the others given the steps before."""

    def features(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Return features (b, s, q, width), the same for all signs: the two embeddings of a sign are its head."""
        return hidden[:, :, None].expand(-1, -1, self.columns, -1)
