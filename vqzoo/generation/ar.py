"""An autoregressive prior: a Llama that predicts each token from those before it."""

import math
from collections.abc import Iterator
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache, LlamaConfig, LlamaModel

from vqzoo.generation.prior import Prior, Sampling
from vqzoo.ops.check import check_int
from vqzoo.tokens.sequences import Sequences


class AutoregressivePrior(Prior):
    """transformers' Llama over a tokenizer's sequences; embeddings are also the weights of the output.

    `LlamaForCausalLM` with `config` and tied embeddings gives the same logits.

    Only the tokens that may stand at a position have a probability there, so that probabilities of all images sum to 1.
    """

    def __init__(self, sequences: Sequences, width: int = 128, depth: int = 6, heads: int = 4):
        """Build the network: `width` channels, a multiple of twice the `heads`, in `depth` blocks."""
        super().__init__(sequences)
        check_int("heads", heads, 1, 256)
        check_int("depth", depth, 1, 256)
        if check_int("width", width, 2, 65536) % (2 * heads):
            raise ValueError(f"width={width}: expected a multiple of {2 * heads}, twice heads={heads}")
        self.model = LlamaModel(
            LlamaConfig(
                vocab_size=sequences.vocabulary_size,
                hidden_size=width,
                intermediate_size=-(-8 * width // 3 // 32) * 32,
                num_hidden_layers=depth,
                num_attention_heads=heads,
                max_position_embeddings=sequences.length,
                tie_word_embeddings=True,
                bos_token_id=sequences.begin,
                eos_token_id=None,
                pad_token_id=None,  # its embedding is learned: it stands for an image without a class
            )
        )
        self._ranges = _ranges(sequences)

    def position_bits(self, sequences: Tensor) -> Tensor:
        """Return the bits (b, length) of each token of sequences (b, length) given those before it."""
        hidden = self.model(input_ids=sequences[:, :-1], use_cache=False).last_hidden_state
        bits = torch.zeros(sequences.shape, dtype=hidden.dtype, device=hidden.device)
        for (low, high), positions in self._ranges.items():
            at = torch.tensor(positions, device=hidden.device)
            logits = hidden[:, at - 1] @ self.model.embed_tokens.weight[low : high + 1].T
            nats = F.cross_entropy(logits.flatten(0, 1), (sequences[:, at] - low).flatten(), reduction="none")
            bits[:, at] = nats.view(len(sequences), -1) / math.log(2)
        return bits

    @torch.no_grad()
    def draw(self, sequences: Tensor, sampling: Sampling, first: int = 0, cached: bool = True) -> Iterator[Tensor]:
        """Yield sequences that go on from those given, a token more each time; see `Prior.draw`.

        Numbers are float64 on a CPU, so that neither the batch nor the cache of keys and values (`cached`) changes a
        token.
        """
        network = deepcopy(self).double().model if self.device.type == "cpu" else self.model
        uniform = torch.stack(
            [torch.from_numpy(sampling.uniform(first + row, self.sequences.length)) for row in range(len(sequences))]
        ).to(self.device)
        guided = sampling.guidance != 1 and self.sequences.classes > 0
        cache = DynamicCache(config=network.config) if cached else None
        while (position := sequences.shape[1]) < self.sequences.length:
            low, high = int(self.sequences.lows[position]), int(self.sequences.highs[position])
            if low == high:
                token = torch.full_like(sequences[:, 0], low)
            else:
                logits = self._next_logits(network, sequences, cache, guided, sampling.guidance, (low, high))
                token = low + sampling.choose(logits, uniform[:, position].to(logits))
            sequences = torch.cat([sequences, token[:, None]], 1)
            yield sequences

    def _next_logits(
        self,
        network: LlamaModel,
        sequences: Tensor,
        cache: DynamicCache | None,
        guided: bool,
        guidance: float,
        tokens: tuple[int, int],
    ) -> Tensor:
        """Return logits (b, high - low + 1) of the tokens that may follow; guided ones also without a class."""
        seen = torch.cat([sequences, self._without_class(sequences)]) if guided else sequences
        known = 0 if cache is None else cache.get_seq_length()
        hidden = network(input_ids=seen[:, known:], cache=cache, use_cache=cache is not None).last_hidden_state
        logits = hidden[:, -1] @ network.embed_tokens.weight[tokens[0] : tokens[1] + 1].T
        if not guided:
            return logits
        conditional, unconditional = logits.chunk(2)
        return unconditional + guidance * (conditional - unconditional)

    def _without_class(self, sequences: Tensor) -> Tensor:
        return torch.cat([sequences[:, :1], torch.full_like(sequences[:, :1], self.sequences.pad), sequences[:, 2:]], 1)


def _ranges(sequences: Sequences) -> dict[tuple[int, int], list[int]]:
    """Return the positions after the prompt at which the tokens from low to high, more than one, may stand."""
    ranges: dict[tuple[int, int], list[int]] = {}
    prompt = 1 + bool(sequences.classes)
    for position, (low, high) in enumerate(zip(sequences.lows.tolist(), sequences.highs.tolist(), strict=True)):
        if position >= prompt and low < high:
            ranges.setdefault((low, high), []).append(position)
    return ranges
