"""Entropies of soft choices: how sure each latent is, and how evenly all of them together use a codebook.

Every function returns two numbers in nats. sample_entropy is the mean entropy of a latent's choice; entropy_deficit is
log K minus the entropy of the mean choice, 0 where every codevector is chosen equally often. A regulariser that wants
sure choices and an even use minimises both (MAGVIT-v2, arXiv:2310.05737, eq. 5, whose E H(p) - H(E p) is their sum less
log K). The mean choice is taken over all processes.
"""

import math

import torch
from torch import Tensor

from vqzoo.ops.distributed import all_mean
from vqzoo.ops.tiles import in_tiles, made_again

_JOINT_BITS = 18  # bits whose joint distribution is held: 2^18 numbers


def soft_entropies(latents: Tensor, codebook: Tensor, bias: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """The two entropies of p = softmax(scale (z e' + bias)): latents (n, d), codebook (k, d), bias (k,) -> scalars.

    The (n, k) matrix is made tile by tile and made again for the gradient, so that memory stays with the tile.
    """

    def tile(part: Tensor, codebook: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        log_p = torch.log_softmax(scale * torch.addmm(bias, part, codebook.T), 1)
        p = log_p.exp()
        return -(p * log_p).sum(), p.sum(0)

    entropy, p = latents.new_zeros(()), codebook.new_zeros(len(codebook))
    for part in in_tiles(latents, len(codebook)):
        more, q = made_again(tile, part, codebook, bias)
        entropy, p = entropy + more, p + q
    return entropy / len(latents), _deficit(all_mean(p / len(latents)))


def bit_entropies(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The same for codes of independent bits: logits (n, bits) of each bit being 1, K = 2^bits codes.

    A latent's choice factorises exactly, so its entropy is the sum over its bits. The mean over latents does not: its
    joint distribution over up to 18 bits is one matrix product of the halves' distributions, so that no (n, K) matrix
    exists. More bits are cut into groups and their entropies added (BSQ, arXiv:2406.07548, eq. 10, takes groups of 1).
    """
    ones, zeros = torch.sigmoid(logits), torch.sigmoid(-logits)
    # softplus(l) - l sigmoid(l), on the side where nothing cancels.
    size = logits.abs()
    entropy = (torch.log1p(torch.exp(-size)) + size * torch.sigmoid(-size)).sum(1).mean()
    groups = -(-logits.shape[1] // _JOINT_BITS)
    pairs = zip(zeros.tensor_split(groups, 1), ones.tensor_split(groups, 1), strict=True)
    return entropy, torch.stack([_deficit(all_mean(_joint(*pair))) for pair in pairs]).sum()


def _joint(zeros: Tensor, ones: Tensor) -> Tensor:
    """(2^bits,) mean over latents of the distribution of codes, from each bit's (n, bits)."""
    half = zeros.shape[1] // 2
    low = _product(zeros[:, :half], ones[:, :half])
    high = _product(zeros[:, half:], ones[:, half:])
    return (high.T @ low).view(-1) / len(zeros)


def _product(zeros: Tensor, ones: Tensor) -> Tensor:
    """(n, 2^bits): the distribution of each latent's code; bit i of a code counts 2^i."""
    p = zeros.new_ones(len(zeros), 1)
    for zero, one in zip(zeros.T, ones.T, strict=True):
        p = torch.cat([p * zero[:, None], p * one[:, None]], 1)
    return p


def _deficit(p: Tensor) -> Tensor:
    """log K - H(p) of a distribution (K,); the clamp keeps the gradient finite where a share is 0."""
    return math.log(len(p)) + (p * p.clamp(min=1e-30).log()).sum()
