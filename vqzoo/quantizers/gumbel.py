"""Gumbel-softmax quantization: a linear layer chooses among codevectors, with noise in training."""

import math

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_flag, check_int
from vqzoo.ops.lookup import highest, rows
from vqzoo.ops.noise import gumbel_softmax
from vqzoo.quantizers.annealed import Annealed
from vqzoo.quantizers.base import Quantized, Quantizer


class Gumbel(Quantizer):
    """The discrete VAE (Ramesh et al., 2021, arXiv:2102.12092, section 2.1; Jang et al., arXiv:1611.01144).

    logits = W z + b, one a codevector. In training the output is sum_k g_k e_k with
    g = softmax((logits + Gumbel noise) / temperature), or with `hard` the one-hot of its largest entry with the
    gradient of g, as the public code of VQGAN has it. In evaluation the largest logit decides and nothing is drawn.
    Loss "kl": sum_k p_k log(p_k K), p = softmax(logits), in nats, a mean over latents.
    """

    def __init__(self, dim: int, codebook_size: int, temperature: Annealed, hard: bool):
        super().__init__()
        self.dim = check_int("dim", dim, 1, 4096)
        check_int("codebook_size", codebook_size, 1, 2**20)
        self.hard = check_flag("hard", hard)
        self.temperature = temperature
        self.logits = nn.Linear(dim, codebook_size)
        self.weight = nn.Parameter(torch.randn(codebook_size, dim))
        self.index_sizes = (codebook_size,)
        self.codebook_of = (0,)

    def assign(self, latents: Tensor) -> Tensor:
        flat = latents.reshape(-1, self.dim)
        return highest(flat, self.logits.weight, self.logits.bias).view(*latents.shape[:-1], 1)

    def lookup(self, indices: Tensor) -> Tensor:
        return rows(self.weight, indices.squeeze(-1))

    def quantize(self, latents: Tensor) -> Quantized:
        logits, indices = self.logits(latents), self.assign(latents)
        log_p = torch.log_softmax(logits, -1)
        if self.training:
            restored = gumbel_softmax(logits, self.temperature(), self.hard) @ self.weight
        else:
            # The gradient of p, as in training, and exactly the value of the chosen codevector.
            mixture = log_p.exp() @ self.weight
            restored = self.lookup(indices).detach() + (mixture - mixture.detach())
        kl = (log_p.exp() * log_p).sum(-1).mean() + math.log(len(self.weight))
        return Quantized(restored, indices, {"kl": kl})
