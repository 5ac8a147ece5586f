"""An autoregressive prior: a Llama that predicts each token from those before it."""

from collections.abc import Iterator
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache, LlamaModel

from vqzoo.generation.llama import llama
from vqzoo.generation.prior import Prior, Sampling, bits_of, random_numbers
from vqzoo.tokens.sequences import Sequences


class AutoregressivePrior(Prior):
    """transformers' Llama over a tokenizer's sequences; embeddings are also the weights of the output.

    `LlamaForCausalLM` with the same configuration and weights has the same logits. Only the tokens that may stand at a
    position have a probability there, so that probabilities of all images sum to 1.
    """

    def __init__(self, sequences: Sequences, width: int = 128, depth: int = 6, heads: int = 4):
        """Build the network: `width` channels, a multiple of twice the `heads`, in `depth` blocks."""
        super().__init__(sequences)
        self.model = LlamaModel(llama(width, depth, heads, sequences.vocabulary_size, sequences.length))

    def position_bits(self, sequences: Tensor) -> Tensor:
        """Return the bits (b, length) of each token of sequences (b, length) given those before it."""
        hidden = self.model(input_ids=sequences[:, :-1], use_cache=False).last_hidden_state
        return bits_of(F.pad(hidden, (0, 0, 1, 0)), self.model.embed_tokens.weight, sequences, self.ranges)

    @torch.no_grad()
    def draw(self, sequences: Tensor, sampling: Sampling, first: int = 0, cached: bool = True) -> Iterator[Tensor]:
        """Yield sequences that go on from those given, a token more each time; see `Prior.draw`.

        Numbers are float64 on a CPU, so that neither the batch nor the cache of keys and values (`cached`) changes a
        token.
        """
        network = deepcopy(self.model).double() if self.device.type == "cpu" else self.model
        uniform = random_numbers(sampling, first, sequences, self.sequences.length)
        guided = sampling.guidance != 1 and self.sequences.classes > 0
        cache = DynamicCache(config=network.config) if cached else None
        while (position := sequences.shape[1]) < self.sequences.length:
            low, high = int(self.sequences.lows[position]), int(self.sequences.highs[position])
            token = torch.full_like(sequences[:, 0], low)
            if low < high:
                shown = torch.cat([sequences, self.without_class(sequences)]) if guided else sequences
                known = 0 if cache is None else cache.get_seq_length()
                out = network(input_ids=shown[:, known:], cache=cache, use_cache=cache is not None)
                logits = out.last_hidden_state[:, -1] @ network.embed_tokens.weight[low : high + 1].T
                token = low + sampling.choose(sampling.guided(logits, guided), uniform[:, position].to(logits))
            sequences = torch.cat([sequences, token[:, None]], 1)
            yield sequences
