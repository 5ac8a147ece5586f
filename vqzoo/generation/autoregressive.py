"""Autoregressive priors: a Llama that predicts a token, or all columns of a cell, from what comes before."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, LlamaModel

from vqzoo.generation.llama import llama
from vqzoo.generation.prior import Prior, Sampling, bits_of, random_numbers
from vqzoo.ops.check import check_int
from vqzoo.tokens.sequences import Sequences


class StepPrior(Prior):
    """A Llama over steps of q tokens each: it sees the sum of their embeddings, and `features` predicts the next q.

    A step is what follows in the order of `sequences`; embeddings are also the weights of the output. Only the tokens
    that may stand at a position have a probability there, so that probabilities of all images sum to 1.
    """

    def __init__(self, sequences: Sequences, columns: int, width: int, depth: int, heads: int):
        super().__init__(sequences)
        self.columns = columns
        self.model = LlamaModel(llama(width, depth, heads, sequences.vocabulary_size, sequences.length))

    def features(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Return features (b, s, q, width) of the q tokens of s steps, whose products with embeddings are logits.

        `hidden` (b, s, width) is what the Llama says of each step; the features of a column may depend on the tokens
        (b, s, q) of earlier columns of its step alone.
        """
        raise NotImplementedError

    def position_bits(self, sequences: Tensor) -> Tensor:
        """Return the bits (b, length) of each token of sequences (b, length) given those before it."""
        prompt, steps = self._steps(sequences)
        inputs = torch.cat([self.model.embed_tokens(prompt), self._embedded(steps[:, :-1])], 1)
        hidden = self.model(inputs_embeds=inputs, use_cache=False).last_hidden_state[:, prompt.shape[1] - 1 :]
        features = F.pad(self.features(hidden, steps).flatten(1, 2), (0, 0, prompt.shape[1], 0))
        return bits_of(features, self.model.embed_tokens.weight, sequences, self.ranges)

    @torch.no_grad()
    def draw(self, sequences: Tensor, sampling: Sampling, first: int = 0, cached: bool = True) -> Iterator[Tensor]:
        """Yield sequences that go on from those given, a token more each time; see `Prior.draw`.

        Numbers are float64 on a CPU, so that neither the batch nor the cache of keys and values (`cached`) changes a
        token.
        """
        network = self.precise()
        uniform = random_numbers(sampling, first, sequences, self.sequences.length)
        guided = self.guides(sampling)
        cache = DynamicCache(config=network.model.config) if cached else None
        hidden = None
        while (position := sequences.shape[1]) < self.sequences.length:
            column = (position - self.prompt_length) % self.columns
            if column == 0:
                hidden = None
            low, high = int(self.sequences.lows[position]), int(self.sequences.highs[position])
            token = torch.full_like(sequences[:, 0], low)
            if low < high:
                if hidden is None:
                    hidden = network.hidden_after(sequences[:, : position - column], cache, guided)
                step = F.pad(sequences[:, position - column :], (0, self.columns - column), value=self.sequences.pad)
                features = network.features(hidden[:, None], step.repeat(2 if guided else 1, 1)[:, None])[:, 0, column]
                logits = features @ network.model.embed_tokens.weight[low : high + 1].T
                token = low + sampling.choose(sampling.guided(logits, guided), uniform[:, position].to(logits))
            sequences = torch.cat([sequences, token[:, None]], 1)
            yield sequences

    def hidden_after(self, sequences: Tensor, cache: DynamicCache | None, guided: bool) -> Tensor:
        """Return what the Llama says of the step after whole steps (b, n), (b, width); guided also without a class."""
        shown = torch.cat([sequences, self.without_class(sequences)]) if guided else sequences
        prompt, steps = self._steps(shown)
        inputs = torch.cat([self.model.embed_tokens(prompt), self._embedded(steps)], 1)
        known = 0 if cache is None else cache.get_seq_length()
        out = self.model(inputs_embeds=inputs[:, known:], cache=cache, use_cache=cache is not None)
        hidden: Tensor = out.last_hidden_state[:, -1]
        return hidden

    def _steps(self, sequences: Tensor) -> tuple[Tensor, Tensor]:
        prompt, rest = sequences.tensor_split([self.prompt_length], 1)
        return prompt, rest.unflatten(1, (-1, self.columns))

    def _embedded(self, steps: Tensor) -> Tensor:
        embedded: Tensor = self.model.embed_tokens(steps).sum(2)
        return embedded


class AutoregressivePrior(StepPrior):
    """A step is one token, in any order: `LlamaForCausalLM` with the same weights has the same logits."""

    def __init__(self, sequences: Sequences, width: int = 128, depth: int = 6, heads: int = 4):
        """Build the network: `width` channels, a multiple of twice the `heads`, in `depth` blocks."""
        super().__init__(sequences, 1, width, depth, heads)

    def features(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Return the features (b, s, 1, width) of each step."""
        return hidden[:, :, None]


class DelayPrior(StepPrior):
    """The columns of a step are independent given the steps before, which the "delayed" order makes exact.

    MusicGen, arXiv:2306.05284, section 2.2.
    """

    def __init__(self, sequences: Sequences, width: int = 128, depth: int = 6, heads: int = 4):
        """Build the network: `width` channels, a multiple of twice the `heads`, in `depth` blocks."""
        super().__init__(sequences, columns_of(sequences, "delayed"), width, depth, heads)
        self.heads = nn.Linear(width, self.columns * width, bias=False)

    def features(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Return features (b, s, q, width), whatever the tokens of the step are."""
        features: Tensor = self.heads(hidden).unflatten(-1, (self.columns, -1))
        return features


class DepthPrior(StepPrior):
    """A second, small Llama predicts the columns of a cell one after the other.

    The RQ-Transformer, arXiv:2203.01941, section 3.2.
    """

    def __init__(self, sequences: Sequences, width: int = 128, depth: int = 5, heads: int = 4, inner_depth: int = 1):
        """Build the network: `depth` blocks over cells, and `inner_depth` over the columns of a cell."""
        super().__init__(sequences, columns_of(sequences, "raster"), width, depth, heads)
        check_int("inner_depth", inner_depth, 1, 256)
        self.inner = LlamaModel(llama(width, inner_depth, heads, 1, self.columns))
        del self.inner.embed_tokens  # it is given embeddings

    def features(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Return features (b, s, q, width), each of which depends on the earlier columns of its step."""
        earlier = self.model.embed_tokens(tokens[:, :, :-1])
        inputs = torch.cat([hidden[:, :, None], earlier], 2).flatten(0, 1)
        out = self.inner(inputs_embeds=inputs, use_cache=False)
        features: Tensor = out.last_hidden_state.unflatten(0, hidden.shape[:2])
        return features


def columns_of(sequences: Sequences, order: str) -> int:
    """Return the columns of a cell; ValueError for sequences in another order, or of several grids."""
    if sequences.order != order:
        raise ValueError(f"order={sequences.order!r}: this prior needs {order!r}")
    return sequences.columns
