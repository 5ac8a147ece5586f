"""Where codevectors start: drawn at once, or taken from the first training batch."""

from typing import Literal

import torch
from torch import Tensor

from vqzoo.ops.distributed import all_reduce, row_offset, sample_rows
from vqzoo.ops.lookup import nearest, sums_by_index

Start = Literal["uniform", "normal", "latents", "kmeans"]
STARTS: tuple[str, ...] = ("uniform", "normal", "latents", "kmeans")
FROM_DATA: tuple[str, ...] = ("latents", "kmeans")


def draw(start: Start, codebook_size: int, code_dim: int) -> Tensor:
    """(K, d): "normal" is N(0, 1); the others are uniform in [-1/K, 1/K], as the code of VQ-VAE has it."""
    if start == "normal":
        return torch.randn(codebook_size, code_dim)
    bound = 1 / codebook_size
    return torch.empty(codebook_size, code_dim).uniform_(-bound, bound)


def from_data(start: Start, latents: Tensor, codebook_size: int, seed: int) -> Tensor:
    """(K, d) from the latents (n, d) of all processes: a sample of them, or that sample after k-means."""
    sample = sample_rows(latents, codebook_size, seed)
    _, total = row_offset(len(latents), latents.device)
    # With no more latents than codevectors each is a codevector already.
    return kmeans(latents, sample) if start == "kmeans" and total > codebook_size else sample


@torch.no_grad()
def kmeans(latents: Tensor, centroids: Tensor, iterations: int = 50) -> Tensor:
    """Lloyd's algorithm on the latents (n, d) of all processes, from `centroids` (K, d), until nothing moves.

    A centroid that nobody chooses stays where it is.
    """
    for _ in range(iterations):
        counts, sums = map(all_reduce, sums_by_index(latents, nearest(latents, centroids), len(centroids)))
        moved = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centroids)
        if torch.equal(moved, centroids):
            break
        centroids = moved
    return centroids
