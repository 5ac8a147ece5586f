"""The contract of a prior: bits of tokens, and samples."""

import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.files.tokens import Tokens
from vqzoo.ops.check import check_int
from vqzoo.tokens.sequences import Sequences

Kind = TypeVar("Kind", bound="Prior")


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    temperature: divides the logits; 0 takes the likeliest token. top_k: only this many of the likeliest tokens; 0: all.
    top_p: only the likeliest tokens that together have this probability. guidance: classifier-free guidance
    (arXiv:2207.12598, equation 6 with w = guidance - 1); 1: none, and more for samples that are more typical of a
    class. seed: of the random numbers.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guidance: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 100:
            raise ValueError(f"temperature={self.temperature}: expected 0 to 100")
        check_int("top_k", self.top_k, 0, 2**31)
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p}: expected more than 0 and at most 1")
        if not 0 <= self.guidance <= 100:
            raise ValueError(f"guidance={self.guidance}: expected 0 to 100")
        check_int("seed", self.seed, 0, 2**63 - 1)

    def generators(self, first: int, images: int) -> "Generators":
        """Return the random numbers of images from number `first` on."""
        return [np.random.default_rng([self.seed, first + image]) for image in range(images)]

    def choose(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """Return an index (b,) for each row of logits (b, k), drawn with random numbers (b,) in [0, 1)."""
        if self.temperature == 0:
            return logits.argmax(1)
        ordered, order = (logits / self.temperature).sort(dim=1, descending=True, stable=True)
        probabilities = ordered.softmax(1)
        likelier = probabilities.cumsum(1) - probabilities  # what all likelier tokens have together
        dropped = likelier >= self.top_p
        if self.top_k:
            dropped[:, self.top_k :] = True
        cumulative = probabilities.masked_fill(dropped, 0).cumsum(1)
        rank = torch.searchsorted(cumulative, uniform[:, None] * cumulative[:, -1:], right=True)
        return order.gather(1, rank.clamp(max=order.shape[1] - 1))[:, 0]

    def guided(self, logits: Tensor, guided: bool) -> Tensor:
        """Return logits (b, ...) of (b, ...), or if `guided` of (2 b, ...): with the class, then without."""
        if not guided:
            return logits
        conditional, unconditional = logits.chunk(2)
        return unconditional + self.guidance * (conditional - unconditional)


Generators = Sequence[np.random.Generator]
"""A source of random numbers for each of several images, so that those of an image depend on nothing else."""

Measure = Literal["bits", "bits, average over orders", "flow-matching loss"]
"""What is measured on images held out; "bits, average over orders" are an upper bound estimated with random numbers."""


class Prior(nn.Module):
    """A model of the sequences of a tokenizer's images.

    sequences: how tokens become sequences, with the classes that the prior knows. config: name and settings, set by
    `build`. measure: what `held_out` returns, and what the best checkpoint has least of. learns_latents: whether it
    needs the weights of the tokenizer, too, and may be told images.
    """

    config: dict[str, Any]
    measure: Measure = "bits"
    learns_latents: bool = False

    def __init__(self, sequences: Sequences):
        super().__init__()
        self.sequences = sequences
        self.prompt_length = 1 + bool(sequences.classes)
        self.ranges = _ranges(sequences, self.prompt_length)

    def position_bits(self, sequences: Tensor) -> Tensor:
        """Return the bits (b, length) that each token of sequences (b, length) costs given those before it.

        The cost of what is known, the begin token and the class, is 0.
        """
        raise NotImplementedError

    def prepare(self, sequences: Tensor, images: Tensor | None = None) -> None:
        """Set what is not learned from some sequences to learn from; arguments are those of `held_out`."""

    def held_out(self, sequences: Tensor, generators: Generators, images: Tensor | None = None) -> Tensor:
        """Return the `measure` (b,) of sequences (b, length), with the random numbers of a generator for each.

        `images` (b, c, height, width) are those that the sequences are of, where the trainer has them.
        """
        return self.position_bits(sequences).sum(1)

    def training_loss(self, sequences: Tensor, generators: Generators, images: Tensor | None = None) -> Tensor:
        """Return the loss (b,) to minimise, by default bits an index; arguments are those of `held_out`."""
        return self.held_out(sequences, generators) / self.sequences.indices

    def log_likelihood(self, tokens: Tokens, labels: Tensor | None = None) -> Tensor:
        """Return -log2 of the probability (b,) of each image's tokens, in bits, given its class (-1 for none).

        This is the length in bits of an ideal code of the tokens.
        """
        return self.position_bits(self._flattened(tokens, labels)).sum(1)

    def bits_by_index(self, tokens: Tokens, labels: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the bits of each index, in grids (b, h, w, q) as the tokens have them."""
        return self.sequences.grids(self.position_bits(self._flattened(tokens, labels)))

    def draw(self, sequences: Tensor, sampling: Sampling, first: int = 0) -> Iterator[Tensor]:
        """Yield sequences (b, n), longer each time up to the full length, that go on from the beginnings (b, m) given.

        A prior that does not draw from left to right yields the full length each time. `first` is the number of the
        first image among those of the seed.
        """
        raise NotImplementedError

    @torch.no_grad()
    def sample(
        self,
        images: int | Tensor,
        sampling: Sampling = Sampling(),
        batch_size: int = 64,
    ) -> Tokens:
        """Draw tokens of images.

        The i-th image of a seed is the same for any number of images and any `batch_size`, on a CPU.

        Args:
            images: how many; for a prior with classes, the class (n,) of each image, -1 for none.
            sampling: temperature, top-k, top-p, guidance and seed.
            batch_size: number of images to draw at once.
        """
        prompts = self.sequences.prompt(images).to(self.device)
        drawn = []
        for start in range(0, len(prompts), check_int("batch_size", batch_size, 1, 2**20)):
            *_, last = self.draw(prompts[start : start + batch_size], sampling, start)
            drawn.append(self.sequences.unflatten(last))
        return Tokens.cat(drawn)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def precise(self: Kind) -> Kind:
        """Return a copy in float64 on a CPU, so that batch and cache change no token; on a GPU the prior itself."""
        return deepcopy(self).double() if self.device.type == "cpu" else self

    def guides(self, sampling: Sampling) -> bool:
        """Return whether sampling compares logits with the class and without."""
        return sampling.guidance != 1 and self.sequences.classes > 0

    def without_class(self, sequences: Tensor) -> Tensor:
        """Return sequences (b, n) with `pad` in place of their class."""
        begin, _, rest = sequences.tensor_split([1, 2], 1)
        return torch.cat([begin, torch.full_like(begin, self.sequences.pad), rest], 1)

    def _flattened(self, tokens: Tokens, labels: Tensor | None) -> Tensor:
        if labels is None and self.sequences.classes:
            labels = torch.full((len(tokens),), -1)
        return self.sequences.flatten(tokens, labels).to(self.device)


Ranges = dict[tuple[int, int], list[int]]
"""For the tokens from low to high, more than one, the positions at which they may stand."""


def _ranges(sequences: Sequences, prompt_length: int) -> Ranges:
    ranges: Ranges = {}
    for position, (low, high) in enumerate(zip(sequences.lows.tolist(), sequences.highs.tolist(), strict=True)):
        if position >= prompt_length and low < high:
            ranges.setdefault((low, high), []).append(position)
    return ranges


def bits_of(features: Tensor, embeddings: Tensor, sequences: Tensor, ranges: Ranges) -> Tensor:
    """Return the bits (b, n) of sequences (b, n), 0 where there is no choice.

    The logits of a position are the products of its features (b, n, d) with the embeddings (vocabulary, d) of the
    tokens that may stand there; others have no probability.
    """
    bits = torch.zeros(sequences.shape, dtype=features.dtype, device=features.device)
    for (low, high), positions in ranges.items():
        at = torch.tensor(positions, device=features.device)
        logits = features[:, at] @ embeddings[low : high + 1].T
        nats = F.cross_entropy(logits.flatten(0, 1), (sequences[:, at] - low).flatten(), reduction="none")
        bits[:, at] = nats.view(len(sequences), -1).to(bits.dtype) / math.log(2)
    return bits


def choose_tokens(
    features: Tensor, embeddings: Tensor, ranges: Ranges, sampling: Sampling, guided: bool, uniform: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the tokens (b, n) drawn at the positions of `ranges`, and the logarithms of their probabilities (b, n).

    Each position is drawn on its own, with random numbers (b, n) in [0, 1); elsewhere both are 0. Features (b, n, d)
    are those of `bits_of`, or if `guided` (2 b, n, d), with the class and without.
    """
    tokens = torch.zeros(uniform.shape, dtype=torch.long, device=features.device)
    logarithms = torch.zeros(uniform.shape, dtype=features.dtype, device=features.device)
    for (low, high), positions in ranges.items():
        at = torch.tensor(positions, device=features.device)
        logits = sampling.guided(features[:, at] @ embeddings[low : high + 1].T, guided)
        chosen = sampling.choose(logits.flatten(0, 1), uniform[:, at].flatten().to(logits)).view(len(tokens), -1)
        tokens[:, at] = low + chosen
        logarithms[:, at] = logits.log_softmax(2).gather(2, chosen[..., None])[..., 0]
    return tokens, logarithms


def random_numbers(sampling: Sampling, first: int, sequences: Tensor, length: int) -> Tensor:
    """Return the random numbers (b, length) of as many images as there are sequences, float64, on their device."""
    rows = [generator.random(length) for generator in sampling.generators(first, len(sequences))]
    return torch.from_numpy(np.stack(rows)).to(sequences.device)
