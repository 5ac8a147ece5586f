"""Nearest-codevector quantization (van den Oord et al., 2017, arXiv:1711.00937)."""

import torch.nn.functional as F
from torch import Tensor

from vqzoo.ops.check import check_choice, check_positive
from vqzoo.ops.entropy import soft_entropies
from vqzoo.ops.estimator import ESTIMATORS, Estimator
from vqzoo.ops.lookup import METRICS, Metric, nearest, rows, similarity_factors
from vqzoo.quantizers.base import Quantized, Quantizer
from vqzoo.quantizers.codebook import Codebook, SimCodebook


class NearestCodevector(Quantizer):
    """Replaces each latent by its nearest codevector; how the codebook learns is the codebook's business.

    Losses, means over all numbers: "commitment" |z - sg(e)|^2 and, where the codebook learns by gradient,
    "codebook" |e - sg(z)|^2 (eq. 3; the paper's beta = 0.25 weighs the commitment).
    metric "cosine" chooses by angle and still returns the codevector as it is, length included.
    With an `entropy_temperature` t above 0 also "sample_entropy" and "entropy_deficit" of softmax(similarity / t), the
    similarity being -|z - e|^2 or the cosine, in nats (arXiv:2310.05737, eq. 5).
    """

    follows_latents = True

    def __init__(
        self,
        codebook: Codebook | SimCodebook,
        metric: Metric = "l2",
        estimator: Estimator = "straight-through",
        entropy_temperature: float = 0.0,
    ):
        super().__init__()
        check_choice("metric", metric, METRICS)
        self.codebook = codebook
        self.metric: Metric = metric
        self.estimate = ESTIMATORS[check_choice("estimator", estimator, ESTIMATORS)]
        self.entropy_temperature = check_positive("entropy_temperature", entropy_temperature, or_zero=True)
        self.dim = codebook.code_dim
        self.index_sizes = (codebook.codebook_size,)
        self.codebook_of = (0,)

    def assign(self, latents: Tensor) -> Tensor:
        return self.choose(latents, self.codebook.codevectors())

    def lookup(self, indices: Tensor) -> Tensor:
        return rows(self.codebook.codevectors(), indices.squeeze(-1))

    def quantize(self, latents: Tensor) -> Quantized:
        flat = latents.detach().reshape(-1, self.dim)
        if self.training:
            self.codebook.prepare(flat)
        table = self.codebook.codevectors()
        indices = self.choose(latents, table)
        codevectors = rows(table, indices.squeeze(-1))
        losses = self.losses(latents, codevectors, table)
        if self.training:
            self.codebook.update(flat, indices.view(-1), self.metric)
        return Quantized(self.estimate(latents, codevectors), indices, losses)

    def choose(self, latents: Tensor, table: Tensor) -> Tensor:
        """Return the indices (b, h, w, 1) of the nearest rows of `table` (K, dim)."""
        indices = nearest(latents.reshape(-1, self.dim), table.detach(), self.metric)
        return indices.view(*latents.shape[:-1], 1)

    def losses(self, latents: Tensor, codevectors: Tensor, table: Tensor) -> dict[str, Tensor]:
        """Return the named losses of latents (b, h, w, dim) that were given `codevectors` out of `table`."""
        losses = {"commitment": F.mse_loss(latents, codevectors.detach())}
        if self.codebook.learns_by_gradient:
            losses["codebook"] = F.mse_loss(codevectors, latents.detach())
        if self.entropy_temperature:
            # A copy, because some codebooks are written to before the gradient is computed.
            soft = similarity_factors(latents.reshape(-1, self.dim), table.clone(), self.metric)
            losses["sample_entropy"], losses["entropy_deficit"] = soft_entropies(*soft, 1 / self.entropy_temperature)
        return losses
