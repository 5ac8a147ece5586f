"""Initialize an autoencoder's linear path with principal components of blocks of training images."""

from contextlib import closing
from typing import NamedTuple

import torch
from torch import Tensor

from trainers.data.feed import Feed
from vqzoo.autoencoders import Autoencoder
from vqzoo.autoencoders.patch import PatchAutoencoder
from vqzoo.autoencoders.pca import blocks
from vqzoo.ops.distributed import all_reduce
from vqzoo.ops.pixels import from_bytes

BLOCKS_A_NUMBER = 16
"""Blocks to use, over all processes, for each number of a block."""


@torch.no_grad()
def fit_linear_path(autoencoder: Autoencoder, feed: Feed) -> bool:
    """Initialize the linear path of a `PatchAutoencoder` as PCA of the first training images.

    Every process must call this, before the first step. Returns whether the autoencoder has such a path.
    """
    if not isinstance(autoencoder, PatchAutoencoder):
        return False
    parameter = next(autoencoder.parameters())
    components = principal_components(feed, autoencoder.stride, autoencoder.channels * autoencoder.stride**2)
    autoencoder.fit(*(tensor.to(parameter) for tensor in components))
    return True


class PrincipalComponents(NamedTuple):
    """Mean (n,), orthonormal components (n, n), one a row, and variances (n,), the largest first."""

    mean: Tensor
    components: Tensor
    variances: Tensor


def principal_components(feed: Feed, stride: int, numbers: int) -> PrincipalComponents:
    """Return the principal components of blocks of stride x stride pixels from the first batches of all processes.

    `numbers` is n, the numbers of a block, in the order of `pixel_unshuffle`; at least `BLOCKS_A_NUMBER` x n blocks are
    used.
    """
    count, sums, products = 0, torch.zeros(()), torch.zeros(())
    with closing(feed.batches(0)) as batches:
        for pixels in batches:
            images = from_bytes(pixels)
            height, width = (size - size % stride for size in images.shape[2:])
            rows = blocks(images[:, :, :height, :width], stride)
            batch = rows.new_tensor(len(rows)), rows.sum(0), rows.T @ rows
            number, total, product = (all_reduce(part).double().cpu() for part in batch)
            count, sums, products = count + int(number), sums + total, products + product
            if count >= BLOCKS_A_NUMBER * numbers:
                break
    mean = sums / count
    variances, vectors = torch.linalg.eigh(products / count - mean.outer(mean))
    return PrincipalComponents(mean, vectors.T.flip(0), variances.flip(0))
