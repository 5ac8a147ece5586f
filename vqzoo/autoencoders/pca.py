"""Principal components of blocks of pixels: the linear autoencoder, fitted and not trained."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder, check_channels
from vqzoo.ops.check import check_int


class PCAAutoencoder(Autoencoder):
    """Blocks of stride x stride pixels, less their mean, along `latent_dim` orthonormal directions; and back.

    Of all linear maps to so few numbers and back it is the one with the least squared error on the images it was fitted
    to (Eckart and Young, 1936). A block as large as the images makes it a PCA of whole images; larger ones are tiled.
    Frozen: `fit` sets it, the gradient passes to the images alone. Afresh the directions are the first pixels.
    """

    def __init__(self, channels: int = 3, latent_dim: int = 64, stride: int = 8):
        super().__init__()
        self.channels = check_channels(channels)
        self.stride = check_int("stride", stride, 1, 1024)
        self.strides = (stride,)
        numbers = channels * stride**2
        self.latent_dim = check_int("latent_dim", latent_dim, 1, 4096)
        if latent_dim > numbers:
            raise ValueError(f"latent_dim={latent_dim}: a block has {numbers} numbers, so at most as many components")
        self.mean = nn.Parameter(torch.zeros(numbers), requires_grad=False)
        # Not torch.eye, which without memory, on the meta device, imports torch's compiler: seconds.
        self.components = nn.Parameter(torch.zeros(latent_dim, numbers).fill_diagonal_(1), requires_grad=False)

    def fit(self, mean: Tensor, components: Tensor) -> None:
        """Take over a mean (n,) and orthonormal components (latent_dim, n), n = channels x stride x stride numbers.

        Numbers of a block are in the order of `blocks`.
        """
        assert mean.shape == self.mean.shape and components.shape == self.components.shape
        self.mean.copy_(mean)
        self.components.copy_(components)

    def encode(self, images: Tensor) -> Tensor:
        centred = F.pixel_unshuffle(images, self.stride) - self.mean[:, None, None]
        return torch.einsum("bnhw,kn->bkhw", centred, self.components)

    def decode(self, *latents: Tensor) -> Tensor:
        (grid,) = latents
        blocks = torch.einsum("bkhw,kn->bnhw", grid, self.components) + self.mean[:, None, None]
        return F.pixel_shuffle(blocks, self.stride)


def blocks(images: Tensor, stride: int) -> Tensor:
    """Images (b, c, H, W) as rows (b H/stride W/stride, c stride stride): channel, row, column, the last fastest."""
    return F.pixel_unshuffle(images, stride).permute(0, 2, 3, 1).flatten(0, 2)
