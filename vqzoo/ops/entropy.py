"""Entropies of soft assignments, in nats: how certain each latent is, and how evenly a codebook is used.

Every function returns (sample_entropy, entropy_deficit). sample_entropy is the mean entropy of a latent's distribution
over the K codevectors. entropy_deficit is log K minus the entropy of the mean distribution; it is 0 where all
codevectors are equally likely. Minimising both favours certain choices and even use (MAGVIT-v2, arXiv:2310.05737, eq.
5, whose E H(p) - H(E p) is their sum minus log K). The mean distribution is taken over all processes.
"""

import math

import torch
from torch import Tensor

from vqzoo.ops.distributed import all_mean
from vqzoo.ops.tiles import recomputed, split_tiles

_JOINT_BITS = 18  # most bits whose joint distribution is computed: 2^18 numbers


def soft_entropies(latents: Tensor, codebook: Tensor, bias: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Return the two entropies of p = softmax(scale (z e' + bias)) as scalars.

    latents (n, d), codebook (k, d), bias (k,). The (n, k) matrix is computed in tiles, and again for the gradient, so
    that memory does not grow with n.
    """

    def tile(part: Tensor, codebook: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        log_p = torch.log_softmax(scale * torch.addmm(bias, part, codebook.T), 1)
        p = log_p.exp()
        return -(p * log_p).sum(), p.sum(0)

    entropy, p = latents.new_zeros(()), codebook.new_zeros(len(codebook))
    for part in split_tiles(latents, len(codebook)):
        more, q = recomputed(tile, part, codebook, bias)
        entropy, p = entropy + more, p + q
    return entropy / len(latents), _deficit(all_mean(p / len(latents)))


def bit_entropies(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two entropies of codes of independent bits as scalars.

    logits (n, bits) are those of each bit being 1; K = 2^bits. The entropy of a latent's code is the sum over its bits.
    The mean over latents does not factorise: its joint distribution over up to 18 bits is one matrix product of the
    distributions of its two halves, without an (n, K) matrix. More bits are split into groups whose deficits are added
    (BSQ, arXiv:2406.07548, eq. 10, uses groups of one bit).
    """
    ones, zeros = torch.sigmoid(logits), torch.sigmoid(-logits)
    # softplus(l) - l sigmoid(l), in the form without cancellation.
    size = logits.abs()
    entropy = (torch.log1p(torch.exp(-size)) + size * torch.sigmoid(-size)).sum(1).mean()
    groups = -(-logits.shape[1] // _JOINT_BITS)
    pairs = zip(zeros.tensor_split(groups, 1), ones.tensor_split(groups, 1), strict=True)
    return entropy, torch.stack([_deficit(all_mean(_joint(*pair))) for pair in pairs]).sum()


def _joint(zeros: Tensor, ones: Tensor) -> Tensor:
    """Return the mean over latents of the distribution of codes (2^bits,), from each bit's probabilities (n, bits)."""
    half = zeros.shape[1] // 2
    low = _product(zeros[:, :half], ones[:, :half])
    high = _product(zeros[:, half:], ones[:, half:])
    return (high.T @ low).view(-1) / len(zeros)


def _product(zeros: Tensor, ones: Tensor) -> Tensor:
    """Return (n, 2^bits), the distribution of each latent's code; bit i of a code counts 2^i."""
    p = zeros.new_ones(len(zeros), 1)
    for zero, one in zip(zeros.T, ones.T, strict=True):
        p = torch.cat([p * zero[:, None], p * one[:, None]], 1)
    return p


def _deficit(p: Tensor) -> Tensor:
    """Return log K - H(p) of a distribution (K,); the clamp keeps the gradient finite where a probability is 0."""
    return math.log(len(p)) + (p * p.clamp(min=1e-30).log()).sum()
