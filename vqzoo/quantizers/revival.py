"""What happens to codevectors that are hardly used: nothing, a restart, or CVQ's anchors."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.ops.distributed import highest_scored, row_offset, sample_rows
from vqzoo.ops.lookup import Metric, nearest

Revival = Literal["none", "restart", "closest", "random", "probrandom"]
REVIVALS: tuple[str, ...] = ("none", "restart", "closest", "random", "probrandom")

DECAY = 0.99
"""Of the moving share of latents that choose a codevector."""
_DEAD = 0.1
"""A codevector is restarted below this part of its fair share 1/K: after about 230 steps that nobody chose it."""


def first_usage(revival: Revival, codebook_size: int) -> float:
    """Return the share to start from; CVQ's is 0, so that the first batch replaces every unused codevector."""
    return 1 / codebook_size if revival == "restart" else 0.0


def pull(revival: Revival, usage: Tensor) -> Tensor:
    """(K,) in [0, 1]: how far each codevector is moved to its anchor, from the moving shares `usage` (K,).

    restart: all the way where the share is under a tenth of 1/K. The others, CVQ-VAE (arXiv:2307.15139, eq. 5):
    exp(-10 K p / (1 - decay) - 0.001), and 0 below 1e-8, where float32 rounds the change away.
    """
    if revival == "restart":
        return (usage < _DEAD / len(usage)).float()
    alpha = torch.exp(-10 * len(usage) / (1 - DECAY) * usage - 1e-3)
    return torch.where(alpha > 1e-8, alpha, 0)


def anchors(revival: Revival, codevectors: Tensor, latents: Tensor, metric: Metric, seed: int) -> Tensor:
    """For each codevector (k, d) one of the latents (n, d) of all processes, the same on each of them.

    closest: the most similar one. probrandom: drawn with probability softmax(similarity). random, restart: any.
    Where CVQ-VAE draws "random" ones from a pool of past batches, these are of this batch; no state is kept.
    """
    if revival == "closest":
        best = latents[nearest(codevectors, latents, metric)]
        if metric == "cosine":
            return highest_scored(best, torch.cosine_similarity(codevectors, best))
        return highest_scored(best, -(codevectors - best).square().sum(1))
    if revival == "probrandom":
        # The arg-max of similarity + Gumbel noise is a draw from softmax(similarity). The noise is that of one process
        # with everybody's latents.
        start, total = row_offset(len(latents), latents.device)
        noise = torch.rand(len(codevectors), total, generator=torch.Generator().manual_seed(seed))
        noise = noise[:, start : start + len(latents)].clamp(min=1e-20).to(latents)
        scores, chosen = (_similarities(codevectors, latents, metric) - (-noise.log()).log()).max(1)
        return highest_scored(latents[chosen], scores)
    return sample_rows(latents, len(codevectors), seed)


def _similarities(codevectors: Tensor, latents: Tensor, metric: Metric) -> Tensor:
    if metric == "cosine":
        return F.normalize(codevectors, dim=1) @ F.normalize(latents, dim=1).T
    return -torch.cdist(codevectors, latents).square()
