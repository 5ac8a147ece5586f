"""Codebooks and the rules by which they learn: by gradient, by moving average, by online clustering."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_choice, check_fraction, check_int
from vqzoo.ops.distributed import all_reduce, sample_rows
from vqzoo.ops.lookup import Metric, nearest, sums_by_index


class Codebook(nn.Module):
    """`codebook_size` codevectors of `code_dim` numbers that learn by the gradient of the codebook loss.

    Starts uniform in [-1/K, 1/K] (van den Oord et al., 2017, arXiv:1711.00937, as their code has it).
    """

    learns_by_gradient: ClassVar[bool] = True
    weight: Tensor

    def __init__(self, codebook_size: int, code_dim: int):
        super().__init__()
        self.codebook_size = check_int("codebook_size", codebook_size, 1, 2**20)
        self.code_dim = check_int("code_dim", code_dim, 1, 4096)
        bound = 1 / codebook_size
        weight = torch.empty(codebook_size, code_dim).uniform_(-bound, bound)
        if self.learns_by_gradient:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)

    def prepare(self, latents: Tensor) -> None:
        """Called with the latents (n, d) of a training batch before they are assigned."""

    def update(self, latents: Tensor, indices: Tensor, metric: Metric) -> None:
        """Called with the latents (n, d) of a training batch and the indices (n,) they were assigned."""


class EMACodebook(Codebook):
    """Each codevector is the moving average of the latents that chose it (arXiv:1711.00937, appendix A.1).

    Kept as a running mean: with n_k the moving count, c_k the count and s_k the sum of this batch,

        e_k += (1 - decay) (s_k - c_k e_k) / (decay n_k + (1 - decay) c_k),  n_k = decay n_k + (1 - decay) c_k

    which is the paper's m_k / n_k without a second table of sums. Laplace smoothing of the counts is left out: it is
    what pulls a codevector that nobody chooses towards the origin; here it stays exactly where it was.
    The codevectors start as latents of the first training batch. `seed` says which: where one codebook quantizes what
    another leaves over, equal draws would meet at exactly zero, so the two need different ones.
    """

    learns_by_gradient = False
    counts: Tensor
    started: Tensor

    def __init__(self, codebook_size: int, code_dim: int, decay: float = 0.99, seed: int = 0):
        super().__init__(codebook_size, code_dim)
        self.decay = check_fraction("decay", decay)
        self.seed = seed
        self.register_buffer("counts", torch.ones(codebook_size))
        self.register_buffer("started", torch.tensor(False))

    @torch.no_grad()
    def prepare(self, latents: Tensor) -> None:
        if not self.started:
            self.weight.copy_(sample_rows(latents, self.codebook_size, self.seed))
            self.started.fill_(True)

    @torch.no_grad()
    def update(self, latents: Tensor, indices: Tensor, metric: Metric) -> None:
        counts, sums = map(all_reduce, sums_by_index(latents, indices, self.codebook_size))
        fresh = (1 - self.decay) * counts
        self.counts.mul_(self.decay).add_(fresh)
        moved = (1 - self.decay) * sums - fresh[:, None] * self.weight
        # The smallest positive number keeps 0 / 0 of a never chosen codevector at 0.
        self.weight.add_(moved / self.counts.clamp(min=torch.finfo(torch.float32).tiny)[:, None])


class ClusteredCodebook(Codebook):
    """Learns by gradient, and codevectors that are hardly used are pulled to the nearest latents of the batch.

    CVQ-VAE (Zheng and Vedaldi, 2023, arXiv:2307.15139) with the "closest" anchors: with p_k the moving
    share of latents that chose k, alpha_k = exp(-10 K p_k / (1 - decay) - 0.001), every training step

        e_k = (1 - alpha_k) e_k + alpha_k a_k,  a_k the latent most similar to e_k.

    Anchors are only searched for alpha_k > 1e-8: below that float32 rounds the change away.
    """

    usage: Tensor

    def __init__(self, codebook_size: int, code_dim: int, decay: float = 0.99):
        super().__init__(codebook_size, code_dim)
        self.decay = check_fraction("decay", decay)
        self.register_buffer("usage", torch.zeros(codebook_size))

    @torch.no_grad()
    def update(self, latents: Tensor, indices: Tensor, metric: Metric) -> None:
        counts = all_reduce(torch.bincount(indices, minlength=self.codebook_size).float())
        self.usage.lerp_(counts / counts.sum(), 1 - self.decay)
        alpha = torch.exp(-10 * self.codebook_size / (1 - self.decay) * self.usage - 1e-3)
        rows = (alpha > 1e-8).nonzero().view(-1)
        if len(rows):
            anchors = _closest(self.weight[rows], latents, metric)
            self.weight[rows] = torch.lerp(self.weight[rows], anchors, alpha[rows, None])


def _closest(codevectors: Tensor, latents: Tensor, metric: Metric) -> Tensor:
    """For each codevector (k, d) the most similar of the latents (n, d) of all processes."""
    anchors = latents[nearest(codevectors, latents, metric)]
    if metric == "cosine":
        similarity = torch.cosine_similarity(codevectors, anchors)
    else:
        similarity = -(codevectors - anchors).square().sum(1)
    mine = (similarity == all_reduce(similarity, "max")).float()[:, None]
    return all_reduce(mine * anchors) / all_reduce(mine)


CODEBOOKS: dict[str, type[Codebook]] = {"gradient": Codebook, "ema": EMACodebook, "cvq": ClusteredCodebook}


def build_codebook(rule: str, codebook_size: int, code_dim: int, level: int = 0) -> Codebook:
    """A fresh codebook that learns by `rule`: "gradient", "ema" or "cvq"; levels of a residual differ in `level`."""
    codebook = CODEBOOKS[check_choice("rule", rule, CODEBOOKS)]
    if codebook is EMACodebook:
        return EMACodebook(codebook_size, code_dim, seed=level)
    return codebook(codebook_size, code_dim)
