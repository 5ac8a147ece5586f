"""Nearest-codevector search in tiles, so that the N x K matrix of similarities never exists as a whole."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Metric = Literal["l2", "cosine"]
METRICS: tuple[str, ...] = ("l2", "cosine")

_CPU_TILE = 2**19  # similarities in a tile: 2 MiB of float32, about what stays in a core's cache
_GPU_TILE = 2**27  # 512 MiB of float32


@torch.no_grad()
def nearest(latents: Tensor, codebook: Tensor, metric: Metric = "l2") -> Tensor:
    """The index of the codevector nearest to each latent; ties go to the lowest index.

    latents (n, d), codebook (k, d), both float32 -> (n,) int64 in [0, k).
    "l2" minimises |z - e|^2, "cosine" maximises z.e / (|z| |e|).
    """
    if metric == "cosine":
        codebook = F.normalize(codebook, dim=1)
        # The length of a latent does not change its arg-max, so latents stay as they are.
        bias = codebook.new_zeros(len(codebook))
    else:
        # argmin |z - e|^2 = argmax z.e - |e|^2 / 2: the term |z|^2 is the same for every codevector.
        bias = codebook.square().sum(1).mul_(-0.5)
    if latents.device.type == "cpu":
        tile = max(256, _CPU_TILE // len(codebook))
        return torch.cat([_argmax_rows(codebook, part, bias) for part in latents.split(tile)])
    tile = max(1024, _GPU_TILE // len(codebook))
    return torch.cat([torch.addmm(bias, part, codebook.T).argmax(1) for part in latents.split(tile)])


def _argmax_rows(codebook: Tensor, latents: Tensor, bias: Tensor) -> Tensor:
    """Arg-max over codevectors with latents along the fast axis.

    A CPU reduces (k, n) over k with vector instructions along n, which is several times faster than `argmax` over the
    last axis of (n, k). Max pooling that returns indices is the reduction of torch that does so.
    """
    scores = torch.addmm(bias[:, None], codebook, latents.T)
    as_image = scores[None, :, None, :].permute(0, 3, 1, 2)  # (1, n, k, 1): n channels in channels-last memory
    _, indices = F.max_pool2d(as_image, (len(codebook), 1), return_indices=True)
    return indices.view(-1)


def sums_by_index(latents: Tensor, indices: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Count and sum of the latents that chose each index: (n, d), (n,) -> (size,), (size, d), float32."""
    counts = torch.bincount(indices, minlength=size).to(latents.dtype)
    sums = latents.new_zeros(size, latents.shape[1])
    sums.scatter_add_(0, indices[:, None].expand_as(latents), latents)
    return counts, sums
