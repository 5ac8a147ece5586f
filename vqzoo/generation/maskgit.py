"""MaskGIT: a Llama that sees all known tokens and predicts all others at once, in a few rounds."""

import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LlamaModel

from vqzoo.generation.llama import llama
from vqzoo.generation.prior import Generators, Measure, Prior, Ranges, Sampling, bits_of, choose_tokens, random_numbers
from vqzoo.ops.check import check_int
from vqzoo.tokens.sequences import Sequences


class MaskedPrior(Prior):
    """MaskGIT (Chang et al., 2022, arXiv:2202.04200): the backbone of `ar` without the causal mask.

    Training hides cos(pi r / 2) of an image's tokens, r uniform in [0, 1), and predicts them. Sampling starts with all
    hidden. Each of `rounds` draws all that are hidden, keeps those with the highest log-probability plus Gumbel noise
    times `randomness` (which falls linearly to 0), and leaves the share cos(pi t / 2) hidden at time t. In a sequence
    `pad` stands for a hidden token.

    Rounds have no likelihood that could be computed. Tokens that are shown one at a time in some order have one: that
    of a fixed random order is `position_bits`, and `held_out` is an unbiased estimate of the average over all orders.
    """

    measure: Measure = "bits, average over orders"

    def __init__(
        self,
        sequences: Sequences,
        width: int = 128,
        depth: int = 6,
        heads: int = 4,
        rounds: int = 12,
        randomness: float = 4.5,
    ):
        """Build the network: `width` channels, a multiple of twice the `heads`, in `depth` blocks."""
        super().__init__(sequences)
        self.rounds, self.randomness = check_int("rounds", rounds, 1, 2**16), randomness
        self.model = LlamaModel(llama(width, depth, heads, sequences.vocabulary_size, sequences.length))
        self.positions = nn.Embedding(sequences.length, width)
        nn.init.normal_(self.positions.weight, std=0.02)
        self.choices = sorted(position for positions in self.ranges.values() for position in positions)

    def features(self, sequences: Tensor) -> Tensor:
        """Return the features (b, length, width) of sequences (b, length), in which `pad` stands for hidden tokens."""
        inputs = self.model.embed_tokens(sequences) + self.positions.weight
        seen = torch.ones(1, 1, *[sequences.shape[1]] * 2, dtype=torch.bool, device=sequences.device)
        features: Tensor = self.model(inputs_embeds=inputs, attention_mask=seen, use_cache=False).last_hidden_state
        return features

    @torch.no_grad()
    def position_bits(self, sequences: Tensor) -> Tensor:
        """Return the bits (b, length) of each token of sequences (b, length), shown in one random order.

        The order is always the same, so 2^-bits of all images sum to 1. The network runs once for each index.
        """
        bits = torch.zeros(sequences.shape, dtype=self.positions.weight.dtype, device=sequences.device)
        hidden = torch.zeros_like(sequences, dtype=torch.bool)
        hidden[:, self.choices] = True
        range_of = {position: ends for ends, positions in self.ranges.items() for position in positions}
        for position in np.random.default_rng(0).permutation(self.choices).tolist():
            bits += self._bits(sequences, hidden, {range_of[position]: [position]})
            hidden[:, position] = False
        return bits

    def held_out(self, sequences: Tensor, generators: Generators, images: Tensor | None = None) -> Tensor:
        """Return an estimate (b,) of the bits of sequences (b, length), as an average over all orders.

        The next token after n known ones in a random order is a random one of the hidden, and n is uniform
        (arXiv:2110.02037).
        """
        numbers = self._random(sequences, generators)
        count = 1 + (numbers[:, 0] * len(self.choices)).long()
        bits = self._hidden_bits(sequences, count, numbers)
        return bits * len(self.choices) / count.to(bits)

    def training_loss(self, sequences: Tensor, generators: Generators, images: Tensor | None = None) -> Tensor:
        """Return the bits (b,) of hidden tokens over their average number, so bits a hidden token on average."""
        numbers = self._random(sequences, generators)
        count = (torch.cos(numbers[:, 0] * math.pi / 2) * len(self.choices)).ceil()
        return self._hidden_bits(sequences, count, numbers) / (len(self.choices) * 2 / math.pi)

    @torch.no_grad()
    def draw(self, sequences: Tensor, sampling: Sampling, first: int = 0) -> Iterator[Tensor]:
        """Yield sequences (b, length) with fewer hidden tokens each time, `pad`; see `Prior.draw`.

        Those given may be beginnings, or of full length with `pad` for what is to be drawn. Numbers are float64 on a
        CPU.
        """
        network = self.precise()
        guided = self.guides(sampling)
        pad, length = self.sequences.pad, self.sequences.length
        sequences = F.pad(sequences, (0, length - sequences.shape[1]), value=pad)
        choices = torch.zeros(length, dtype=torch.bool, device=sequences.device)
        choices[self.choices] = True
        fixed = self.sequences.lows.to(sequences.device)
        sequences = sequences.where(choices | (sequences != pad), fixed)
        hidden = choices & (sequences == pad)
        numbers = random_numbers(sampling, first, sequences, self.rounds * 2 * length).unflatten(1, (-1, 2, length))
        total = hidden.sum(1)
        for number in range(1, self.rounds + 1):
            if not hidden.any():
                return
            shown = torch.cat([sequences, self.without_class(sequences)]) if guided else sequences
            embeddings, uniform = network.model.embed_tokens.weight, numbers[:, number - 1]
            tokens, scores = choose_tokens(
                network.features(shown), embeddings, self.ranges, sampling, guided, uniform[:, 0]
            )
            noise = self.randomness * sampling.temperature * (1 - number / self.rounds)
            scores = scores - noise * (-uniform[:, 1].to(scores).log()).log()
            left = (total * math.cos(math.pi / 2 * number / self.rounds)).long().minimum(hidden.sum(1) - 1)
            rank = scores.masked_fill(~hidden, -math.inf).argsort(1, descending=True).argsort(1)
            shown_now = hidden & (rank < (hidden.sum(1) - left)[:, None])
            sequences, hidden = tokens.where(shown_now, sequences), hidden & ~shown_now
            yield sequences

    def _random(self, sequences: Tensor, generators: Generators) -> Tensor:
        numbers = np.stack([generator.random(1 + len(self.choices)) for generator in generators])
        return torch.from_numpy(numbers).to(sequences.device)

    def _hidden_bits(self, sequences: Tensor, count: Tensor, numbers: Tensor) -> Tensor:
        """Return the bits (b,) of `count` (b,) hidden tokens, which random numbers (b, 1 + n) choose."""
        hidden = torch.zeros_like(sequences, dtype=torch.bool)
        hidden[:, self.choices] = numbers[:, 1:].argsort(1).argsort(1) < count[:, None]
        return (self._bits(sequences, hidden, self.ranges) * hidden).sum(1)

    def _bits(self, sequences: Tensor, hidden: Tensor, ranges: Ranges) -> Tensor:
        features = self.features(sequences.masked_fill(hidden, self.sequences.pad))
        return bits_of(features, self.model.embed_tokens.weight, sequences, ranges)
