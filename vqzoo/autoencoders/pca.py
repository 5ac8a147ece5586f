"""Principal components of blocks of pixels: the linear autoencoder, fitted instead of trained."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.ops.check import check_int


class PCAAutoencoder(Autoencoder):
    """Projection of blocks of stride x stride pixels, minus their mean, onto `latent_dim` orthonormal directions.

    Of all linear maps to latent_dim numbers and back it has the least squared error on the images it was fitted to
    (Eckart and Young, 1936). A block as large as the images makes it a PCA of whole images. `fit` sets the weights,
    which are frozen; the gradient passes to the images. Before `fit` the directions are the first pixels.
    """

    def __init__(self, channels: int = 3, latent_dim: int = 64, stride: int = 8):
        super().__init__(channels, latent_dim, (check_int("stride", stride, 1, 1024),))
        numbers = channels * stride**2
        if latent_dim > numbers:
            raise ValueError(f"latent_dim={latent_dim}: a block has {numbers} numbers, so at most as many components")
        self.mean = nn.Parameter(torch.zeros(numbers), requires_grad=False)
        # Not torch.eye, which on the meta device imports torch's compiler, and that takes seconds.
        self.components = nn.Parameter(torch.zeros(latent_dim, numbers).fill_diagonal_(1), requires_grad=False)

    def fit(self, mean: Tensor, components: Tensor) -> None:
        """Set the mean (n,) and the orthonormal components (latent_dim, n) of blocks of pixels.

        n = channels x stride x stride numbers, in the order of `blocks`.
        """
        assert mean.shape == self.mean.shape and components.shape == self.components.shape
        self.mean.copy_(mean)
        self.components.copy_(components)

    def encode(self, images: Tensor) -> Tensor:
        """Return the coordinates (b, latent_dim, h, w) of each block of images (b, channels, H, W)."""
        centred = F.pixel_unshuffle(images, self.stride) - self.mean[:, None, None]
        return torch.einsum("bnhw,kn->bkhw", centred, self.components)

    def decode(self, *latents: Tensor) -> Tensor:
        """Return images (b, channels, H, W) from the coordinates of their blocks."""
        (grid,) = latents
        blocks = torch.einsum("bkhw,kn->bnhw", grid, self.components) + self.mean[:, None, None]
        return F.pixel_shuffle(blocks, self.stride)


def blocks(images: Tensor, stride: int) -> Tensor:
    """Return images (b, c, H, W) as rows (b H/s W/s, c s s) of stride s, ordered by channel, row and column."""
    return F.pixel_unshuffle(images, stride).permute(0, 2, 3, 1).flatten(0, 2)
