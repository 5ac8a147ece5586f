"""SQ-VAE: codevectors drawn at random, the less so the better the latents fit."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.check import check_choice, check_int, check_positive
from vqzoo.ops.estimator import straight_through
from vqzoo.ops.lookup import Metric, nearest, rows
from vqzoo.ops.noise import gumbel_softmax
from vqzoo.quantizers.annealed import Annealed
from vqzoo.quantizers.base import Quantized, Quantizer

KINDS = ("gaussian", "vmf")


class Stochastic(Quantizer):
    """SQ-VAE (Takida et al., 2022, arXiv:2205.07547): a codevector is drawn from p_k = softmax of how well it fits.

    "gaussian" (eq. 8, one variance for all): logits -|z - e_k|^2 / (2 v), v = floor + exp(s), s learnt.
    "vmf" (section 4): z and e_k at length 1, logits kappa z.e_k, kappa = 1 / v.
    In training the draw is relaxed: sum_k g_k e_k with g = softmax((logits + Gumbel noise) / temperature), no
    straight-through step, so the decoder sees mixtures; in evaluation it is the likeliest codevector, always the same.
    Losses, means over latents: "kl_discrete", sum_k p_k log p_k + log K; "kl_continuous", |z - q|^2 / (2 v) or
    kappa (1 - z.q) (eq. 9). The paper adds them to D / 2 log of the squared error of D pixel values, all as sums over
    an image; with the mean squared error m in its place they weigh 2 m n / D for n latents an image.
    """

    def __init__(
        self,
        dim: int,
        codebook_size: int,
        kind: str,
        variance: float,
        floor: float,
        temperature: Annealed,
    ):
        super().__init__()
        self.dim = check_int("dim", dim, 1, 4096)
        check_int("codebook_size", codebook_size, 1, 2**20)
        self.kind = check_choice("kind", kind, KINDS)
        self.floor = check_positive("variance_floor", floor, or_zero=True)
        self.temperature = temperature
        self.log_variance = nn.Parameter(torch.tensor(math.log(check_positive("variance", variance))))
        self.weight = nn.Parameter(torch.randn(codebook_size, dim))
        self.index_sizes = (codebook_size,)
        self.codebook_of = (0,)

    def assign(self, latents: Tensor) -> Tensor:
        metric: Metric = "l2" if self.kind == "gaussian" else "cosine"
        return nearest(latents.reshape(-1, self.dim), self.weight, metric).view(*latents.shape[:-1], 1)

    def lookup(self, indices: Tensor) -> Tensor:
        return rows(self._codevectors(), indices.squeeze(-1))

    def quantize(self, latents: Tensor) -> Quantized:
        codevectors = self._codevectors()
        flat = latents.reshape(-1, self.dim)
        if self.kind == "vmf":
            flat = F.normalize(flat, dim=1)
        precision = 1 / (self.floor + self.log_variance.exp())
        # |z|^2 is the same for every codevector; a softmax does not see it.
        bias = -0.5 * codevectors.square().sum(1)
        logits = precision * torch.addmm(bias, flat, codevectors.T)
        log_p = torch.log_softmax(logits, 1)
        indices = self.assign(latents)
        if self.training:
            shares = gumbel_softmax(logits.view(*latents.shape[:-1], -1), self.temperature())
            restored = shares @ codevectors
            drawn = restored.view(flat.shape)
        else:
            drawn = rows(codevectors, indices.view(-1))
            restored = straight_through(latents, drawn.view(latents.shape))
        # On the sphere 1 - z.q, which differs where q is a mixture and so shorter than 1.
        gap = flat - drawn
        misfit = 0.5 * gap.square().sum(1) if self.kind == "gaussian" else (flat * gap).sum(1)
        losses = {
            "kl_discrete": (log_p.exp() * log_p).sum(1).mean() + math.log(len(codevectors)),
            "kl_continuous": precision * misfit.mean(),
        }
        return Quantized(restored, indices, losses)

    def _codevectors(self) -> Tensor:
        return self.weight if self.kind == "gaussian" else F.normalize(self.weight, dim=1)
