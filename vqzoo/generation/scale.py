"""Next-scale prediction: a Llama that predicts all tokens of a level at once, given the coarser levels."""

from collections.abc import Iterator
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, LlamaModel

from vqzoo.generation.llama import llama
from vqzoo.generation.prior import Prior, Ranges, Sampling, bits_of, choose_tokens, random_numbers
from vqzoo.tokens.sequences import Sequences


class ScalePrior(Prior):
    """VAR (Tian et al., 2024, arXiv:2404.02905): levels are predicted coarse to fine, in the order "by-level".

    What the Llama sees at a cell is the sum of the embeddings of all coarser levels there, enlarged bilinearly, and a
    position. It sees its own level and coarser ones; the tokens of a level are independent given coarser levels.
    """

    def __init__(self, sequences: Sequences, width: int = 128, depth: int = 6, heads: int = 4):
        """Build the network: `width` channels, a multiple of twice the `heads`, in `depth` blocks."""
        super().__init__(sequences)
        if sequences.order != "by-level":
            raise ValueError(f"order={sequences.order!r}: this prior needs 'by-level'")
        self.shapes = sequences.grid_shapes
        if len(self.shapes) < 2:
            raise ValueError("levels: this tokenizer has one grid of one index a cell; this prior needs several")
        ends = list(accumulate((height * width for height, width in self.shapes), initial=self.prompt_length))
        self.levels = list(zip(ends[:-1], ends[1:], strict=True))
        self.level_ranges = [_within(self.ranges, start, end) for start, end in self.levels]
        self.model = LlamaModel(llama(width, depth, heads, sequences.vocabulary_size, sequences.length))
        self.positions = nn.Embedding(sequences.length, width)
        nn.init.normal_(self.positions.weight, std=0.02)

    def features(self, sequences: Tensor, cache: DynamicCache | None = None) -> Tensor:
        """Return the features (b, m, width) of tokens up to the level that follows sequences (b, n) of whole levels.

        With a cache these are the features of tokens that it does not hold yet.
        """
        known = 0 if cache is None else cache.get_seq_length()
        inputs = self._inputs(sequences)
        level = torch.zeros(inputs.shape[1], dtype=torch.long, device=inputs.device)
        for start, _ in self.levels:
            level[start:] += 1
        seen = level[known:, None] >= level
        features: Tensor = self.model(
            inputs_embeds=inputs[:, known:], attention_mask=seen[None, None], cache=cache, use_cache=cache is not None
        ).last_hidden_state
        return features

    def position_bits(self, sequences: Tensor) -> Tensor:
        """Return the bits (b, length) of each token of sequences (b, length) given coarser levels."""
        features = self.features(sequences[:, : self.levels[-1][0]])
        return bits_of(features, self.model.embed_tokens.weight, sequences, self.ranges)

    @torch.no_grad()
    def draw(self, sequences: Tensor, sampling: Sampling, first: int = 0, cached: bool = True) -> Iterator[Tensor]:
        """Yield sequences that go on from those given, a level more each time; see `Prior.draw`.

        Numbers are float64 on a CPU, so that neither the batch nor the cache of keys and values (`cached`) changes a
        token.
        """
        network = self.precise()
        uniform = random_numbers(sampling, first, sequences, self.sequences.length)
        guided = self.guides(sampling)
        cache = DynamicCache(config=network.model.config) if cached else None
        embeddings = network.model.embed_tokens.weight
        lows = self.sequences.lows.to(sequences.device)
        for (start, end), ranges in zip(self.levels, self.level_ranges, strict=True):
            if sequences.shape[1] >= end:
                continue
            coarser = sequences[:, :start]
            shown = torch.cat([coarser, self.without_class(coarser)]) if guided else coarser
            features = network.features(shown, cache)[:, start - end :]
            tokens, _ = choose_tokens(features, embeddings, ranges, sampling, guided, uniform[:, start:end])
            tokens = tokens.where(tokens > 0, lows[start:end])  # 0 is also where there is no choice
            sequences = torch.cat([sequences, tokens[:, sequences.shape[1] - start :]], 1)
            yield sequences

    def _inputs(self, sequences: Tensor) -> Tensor:
        """Return what the Llama sees (b, m, width), up to the level that follows sequences (b, n) of whole levels."""
        embedded = self.model.embed_tokens(sequences)
        grid = embedded.new_zeros(len(sequences), embedded.shape[2], *self.shapes[0])
        parts = [embedded[:, : self.prompt_length], grid.flatten(2).mT]
        for (start, end), shape, finer in zip(self.levels, self.shapes, self.shapes[1:], strict=False):
            if end <= sequences.shape[1]:
                level = embedded[:, start:end].mT.unflatten(2, shape)
                grid = F.interpolate(grid + level, finer, mode="bilinear")
                parts.append(grid.flatten(2).mT)
        inputs = torch.cat(parts, 1)
        return inputs + self.positions.weight[: inputs.shape[1]]


def _within(ranges: Ranges, start: int, end: int) -> Ranges:
    """Return the positions from `start` up to `end`, counted from `start`."""
    inside = {ends: [each - start for each in at if start <= each < end] for ends, at in ranges.items()}
    return {ends: at for ends, at in inside.items() if at}
