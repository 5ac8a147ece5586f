"""Codebooks and the rules by which they learn: by gradient, by moving average, through a learnt linear map."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.check import check_choice, check_flag, check_fraction, check_int
from vqzoo.ops.distributed import all_reduce
from vqzoo.ops.lookup import Metric, sums_by_index
from vqzoo.quantizers.revival import DECAY, REVIVALS, Revival, anchors, first_usage, pull
from vqzoo.quantizers.start import FROM_DATA, STARTS, Start, draw, from_data


class Codebook(nn.Module):
    """`codebook_size` codevectors of `code_dim` numbers that learn by the gradient of the codebook loss.

    Stochastic gradient descent on |e - sg(z)|^2 (van den Oord et al., 2017, arXiv:1711.00937, eq. 3).
    `start` says where the codevectors start, `revival` what becomes of those that are hardly used. `seed` is that of
    the draws from data: where one codebook quantizes what another leaves over, equal draws would meet at exactly zero,
    so the two need different ones.
    """

    learns_by_gradient: ClassVar[bool] = True
    weight: Tensor
    started: Tensor
    usage: Tensor
    draws: Tensor

    def __init__(
        self, codebook_size: int, code_dim: int, start: Start = "uniform", revival: Revival = "none", seed: int = 0
    ):
        super().__init__()
        self.codebook_size = check_int("codebook_size", codebook_size, 1, 2**20)
        self.code_dim = check_int("code_dim", code_dim, 1, 4096)
        check_choice("start", start, STARTS)
        check_choice("revival", revival, REVIVALS)
        self.start: Start = start
        self.revival: Revival = revival
        self.seed = seed
        weight = draw(start, codebook_size, code_dim)
        if self.learns_by_gradient:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)
        if start in FROM_DATA:
            self.register_buffer("started", torch.tensor(False))
        if revival != "none":
            self.register_buffer("usage", torch.full((codebook_size,), first_usage(revival, codebook_size)))
            if revival != "closest":
                self.register_buffer("draws", torch.tensor(0))
        self.pulled: Tensor | None = None
        """(K,) in [0, 1]: how far the last update moved each codevector to data; the optimizer's moments are stale."""

    @property
    def waits(self) -> bool:
        """Whether the codevectors are still to be taken from data."""
        return self.start in FROM_DATA and not self.started

    def codevectors(self) -> Tensor:
        """(K, d), with their gradient."""
        return self.weight

    @torch.no_grad()
    def prepare(self, latents: Tensor) -> None:
        """Prepare for a training batch, before its latents (n, d) are assigned."""
        if self.waits:
            self.weight.copy_(from_data(self.start, latents, self.codebook_size, self.seed))
            self.started.fill_(True)

    @torch.no_grad()
    def update(self, latents: Tensor, indices: Tensor, metric: Metric) -> None:
        """Learn from the latents (n, d) of a training batch and the indices (n,) they were assigned."""
        if self.revival != "none":
            counts = all_reduce(torch.bincount(indices, minlength=self.codebook_size).float())
            self._revive(latents, counts, metric)

    def _revive(self, latents: Tensor, counts: Tensor, metric: Metric) -> None:
        self.usage.lerp_(counts / counts.sum(), 1 - DECAY)
        seed = self.seed
        if self.revival != "closest":
            self.draws.add_(1)
            seed += 1000 * int(self.draws)
        self.pulled = pull(self.revival, self.usage)
        rows = self.pulled.nonzero().view(-1)
        if len(rows):
            fresh = anchors(self.revival, self.weight[rows], latents, metric, seed)
            self.weight[rows] = torch.lerp(self.weight[rows], fresh, self.pulled[rows, None])
            if self.revival == "restart":
                self.usage[rows] = first_usage("restart", self.codebook_size)


class EMACodebook(Codebook):
    """Each codevector is the moving average of the latents that chose it (arXiv:1711.00937, appendix A.1).

    Kept as a running mean: with n_k the moving count, c_k the count and s_k the sum of this batch,

        e_k += (1 - decay) (s_k - c_k e_k) / (decay n_k + (1 - decay) c_k),  n_k = decay n_k + (1 - decay) c_k

    which is the paper's m_k / n_k without a second table of sums. Laplace smoothing of the counts is left out: it is
    what pulls a codevector that nobody chooses towards the origin; here it stays exactly where it was. The counts
    start at 1.
    """

    learns_by_gradient = False
    counts: Tensor

    def __init__(
        self,
        codebook_size: int,
        code_dim: int,
        start: Start = "latents",
        revival: Revival = "none",
        seed: int = 0,
        decay: float = 0.99,
    ):
        super().__init__(codebook_size, code_dim, start, revival, seed)
        self.decay = check_fraction("decay", decay)
        self.register_buffer("counts", torch.ones(codebook_size))

    @torch.no_grad()
    def update(self, latents: Tensor, indices: Tensor, metric: Metric) -> None:
        counts, sums = map(all_reduce, sums_by_index(latents, indices, self.codebook_size))
        fresh = (1 - self.decay) * counts
        self.counts.mul_(self.decay).add_(fresh)
        moved = (1 - self.decay) * sums - fresh[:, None] * self.weight
        # The smallest positive number keeps 0 / 0 of a never chosen codevector at 0.
        self.weight.add_(moved / self.counts.clamp(min=torch.finfo(torch.float32).tiny)[:, None])
        if self.revival != "none":
            self._revive(latents, counts, metric)
            # What was moved to data weighs as a codevector that has just started.
            assert self.pulled is not None
            self.counts.lerp_(torch.ones_like(self.counts), self.pulled)


class UnitCodebook(Codebook):
    """Codevectors of length 1: learnt by gradient through the division by their length (arXiv:2110.04627)."""

    def codevectors(self) -> Tensor:
        # A copy, because a revival writes to the weight before its gradient is computed.
        return F.normalize(self.weight.clone() if self.revival != "none" else self.weight, dim=1)


class SimCodebook(nn.Module):
    """Frozen random vectors seen through one learnt linear map, so that every step moves every codevector.

    SimVQ (Zhu et al., 2024, arXiv:2411.02038, eq. 5): e_k = W c_k with c_k from N(0, 1/d), fixed.
    """

    learns_by_gradient: ClassVar[bool] = True
    frozen: Tensor

    def __init__(self, codebook_size: int, code_dim: int, bias: bool = False):
        super().__init__()
        self.codebook_size = check_int("codebook_size", codebook_size, 1, 2**20)
        self.code_dim = check_int("code_dim", code_dim, 1, 4096)
        # In place, as a product without memory, on the meta device, imports torch's compiler: seconds.
        self.register_buffer("frozen", torch.randn(codebook_size, code_dim).mul_(code_dim**-0.5))
        self.transform = nn.Linear(code_dim, code_dim, bias=check_flag("bias", bias))

    def codevectors(self) -> Tensor:
        """(K, d), with their gradient."""
        result: Tensor = self.transform(self.frozen)
        return result

    def prepare(self, latents: Tensor) -> None:
        """Nothing starts from data."""

    def update(self, latents: Tensor, indices: Tensor, metric: Metric) -> None:
        """Nothing is counted."""


def named_codebooks(module: nn.Module) -> dict[str, Codebook]:
    """Return the codebooks in a module that may start from data or be revived, by their names in it."""
    return {name: part for name, part in module.named_modules() if isinstance(part, Codebook)}


RULES: dict[str, type[Codebook]] = {"gradient": Codebook, "ema": EMACodebook}
