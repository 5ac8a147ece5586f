"""Nearest-codevector quantization (van den Oord et al., 2017, arXiv:1711.00937)."""

import torch.nn.functional as F
from torch import Tensor

from vqzoo.ops.check import check_choice
from vqzoo.ops.estimator import straight_through
from vqzoo.ops.lookup import METRICS, Metric, nearest
from vqzoo.quantizers.base import Quantized, Quantizer
from vqzoo.quantizers.codebook import Codebook


class NearestCodevector(Quantizer):
    """Replaces each latent by its nearest codevector; how the codebook learns is the codebook's business.

    Losses, means over all numbers: "commitment" |z - sg(e)|^2 and, where the codebook learns by gradient,
    "codebook" |e - sg(z)|^2 (eq. 3; the paper's beta = 0.25 weighs the commitment).
    metric "cosine" chooses by angle and still returns the codevector as it is, length included.
    """

    def __init__(self, codebook: Codebook, metric: Metric = "l2"):
        super().__init__()
        check_choice("metric", metric, METRICS)
        self.codebook = codebook
        self.metric: Metric = metric
        self.dim = codebook.code_dim
        self.index_sizes = (codebook.codebook_size,)
        self.codebook_of = (0,)

    def assign(self, latents: Tensor) -> Tensor:
        indices = nearest(latents.reshape(-1, self.dim), self.codebook.weight, self.metric)
        return indices.view(*latents.shape[:-1], 1)

    def lookup(self, indices: Tensor) -> Tensor:
        return F.embedding(indices.squeeze(-1), self.codebook.weight)

    def quantize(self, latents: Tensor) -> Quantized:
        flat = latents.detach().reshape(-1, self.dim)
        if self.training:
            self.codebook.prepare(flat)
        indices = self.assign(latents)
        codevectors = self.lookup(indices)
        losses = {"commitment": F.mse_loss(latents, codevectors.detach())}
        if self.codebook.learns_by_gradient:
            losses["codebook"] = F.mse_loss(codevectors, latents.detach())
        if self.training:
            self.codebook.update(flat, indices.view(-1), self.metric)
        return Quantized(straight_through(latents, codevectors), indices, losses)
