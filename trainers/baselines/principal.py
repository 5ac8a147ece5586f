"""The start of an autoencoder's linear path: principal components of blocks of the first training images."""

from contextlib import closing

import torch
import torch.nn.functional as F
from torch import Tensor

from trainers.data.feed import Feed
from vqzoo.autoencoders import Autoencoder
from vqzoo.autoencoders.patch import PatchAutoencoder
from vqzoo.ops.distributed import all_reduce
from vqzoo.ops.pixels import from_bytes

BLOCKS_A_NUMBER = 16
"""Blocks that are looked at, over all processes, for each number of a block."""


@torch.no_grad()
def fit_linear_path(autoencoder: Autoencoder, feed: Feed) -> bool:
    """Start the linear path of a `PatchAutoencoder` as PCA of its first training images; leave others as they are.

    To be called by all processes together, before the first step. Returns whether there is such a path.
    """
    if not isinstance(autoencoder, PatchAutoencoder):
        return False
    parameter = next(autoencoder.parameters())
    components = principal_components(feed, autoencoder.stride, autoencoder.channels * autoencoder.stride**2)
    autoencoder.fit(*(tensor.to(parameter) for tensor in components))
    return True


def principal_components(feed: Feed, stride: int, numbers: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean (n,), orthonormal components (n, n), one a row, and variances (n,), the largest first.

    Of blocks of stride x stride pixels, their n numbers in the order of `pixel_unshuffle`, from the first batches of
    all processes: at least `BLOCKS_A_NUMBER` blocks for each number.
    """
    count, sums, products = 0, torch.zeros(()), torch.zeros(())
    with closing(feed.batches(0)) as batches:
        for pixels in batches:
            images = from_bytes(pixels)
            height, width = (size - size % stride for size in images.shape[2:])
            blocks = F.pixel_unshuffle(images[:, :, :height, :width], stride).permute(0, 2, 3, 1).flatten(0, 2)
            batch = blocks.new_tensor(len(blocks)), blocks.sum(0), blocks.T @ blocks
            number, total, product = (all_reduce(part).double().cpu() for part in batch)
            count, sums, products = count + int(number), sums + total, products + product
            if count >= BLOCKS_A_NUMBER * numbers:
                break
    mean = sums / count
    variances, vectors = torch.linalg.eigh(products / count - mean.outer(mean))
    return mean, vectors.T.flip(0), variances.flip(0)
