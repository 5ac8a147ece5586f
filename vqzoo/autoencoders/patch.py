"""An autoencoder for photographs: a linear map of patches that starts as PCA, improved by convolutions."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.autoencoders.base import Autoencoder
from vqzoo.autoencoders.blocks import initialise
from vqzoo.ops.check import check_int


class ChannelRMSNorm(nn.Module):
    """Root-mean-square normalization over the channels of each position, with one scale a channel (arXiv:1910.07467).

    Group normalization takes its statistics over the whole image, so that a network trained on crops meets other
    statistics in whole photographs. Here each position is normalized on its own, and crops suffice.
    """

    def __init__(self, width: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized x (b, width, h, w)."""
        return F.rms_norm(x.permute(0, 2, 3, 1), self.scale.shape, self.scale, eps=1e-6).permute(0, 3, 1, 2)


class PatchBlock(nn.Module):
    """Norm, SiLU and 3x3 convolution, twice, plus a skip; the second convolution starts at zero."""

    def __init__(self, width: int):
        super().__init__()
        self.norm1, self.conv1 = ChannelRMSNorm(width), nn.Conv2d(width, width, 3, padding=1)
        self.norm2, self.conv2 = ChannelRMSNorm(width), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (b, width, h, w) to the same shape."""
        result: Tensor = x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
        return result


class PatchEncoder(nn.Module):
    """Residual blocks at each scale on patches of `stem` pixels, plus a linear map of patches of `stride` pixels."""

    def __init__(self, channels: int, latent_dim: int, stem: int, widths: Sequence[int], blocks: int):
        super().__init__()
        self.stem = stem
        self.stride = stem * 2 ** (len(widths) - 1)
        self.linear = nn.Conv2d(channels * self.stride**2, latent_dim, 1)
        layers: list[nn.Module] = [nn.Conv2d(channels * stem**2, widths[0], 1)]
        layers += [PatchBlock(widths[0]) for _ in range(blocks)]
        for width, out in pairwise(widths):
            layers += [nn.Conv2d(width, out, 2, stride=2), *(PatchBlock(out) for _ in range(blocks))]
        self.layers = nn.Sequential(*layers, ChannelRMSNorm(widths[-1]), nn.SiLU())
        self.conv_out = nn.Conv2d(widths[-1], latent_dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (b, channels, H, W) to latents (b, latent_dim, h, w)."""
        linear = self.linear(F.pixel_unshuffle(images, self.stride))
        latents: Tensor = linear + self.conv_out(self.layers(F.pixel_unshuffle(images, self.stem)))
        return latents


class PatchDecoder(nn.Module):
    """The encoder's mirror image: residual blocks plus a linear map to the pixels of a patch."""

    def __init__(self, channels: int, latent_dim: int, stem: int, widths: Sequence[int], blocks: int):
        super().__init__()
        self.stem = stem
        self.stride = stem * 2 ** (len(widths) - 1)
        self.linear = nn.Conv2d(latent_dim, channels * self.stride**2, 1)
        reverse = widths[::-1]
        layers: list[nn.Module] = [nn.Conv2d(latent_dim, reverse[0], 3, padding=1)]
        layers += [PatchBlock(reverse[0]) for _ in range(blocks)]
        for width, out in pairwise(reverse):
            layers += [nn.Conv2d(width, 4 * out, 1), nn.PixelShuffle(2), *(PatchBlock(out) for _ in range(blocks))]
        self.layers = nn.Sequential(*layers, ChannelRMSNorm(reverse[-1]), nn.SiLU())
        self.conv_out = nn.Conv2d(reverse[-1], channels * stem**2, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents (b, latent_dim, h, w) to images (b, channels, H, W)."""
        linear = F.pixel_shuffle(self.linear(latents), self.stride)
        return linear + F.pixel_shuffle(self.conv_out(self.layers(latents)), self.stem)


class PatchAutoencoder(Autoencoder):
    """Residual convolutions on patches of `stem` pixels plus a linear path that starts as PCA of larger patches.

    `widths` are those of the scales, finest first; n of them give stride stem x 2^(n - 1), 16 by default. The last
    convolution of either half starts at zero, so that after `fit` the network is PCA of patches of `stride` pixels and
    can only improve on it. Norms see one position at a time, so that a network trained on crops serves whole
    photographs.

    `balance` is the number of equal runs of latents among which `fit` distributes the components so that each run has
    about the same product of variances; segments then carry equally much (Ge et al., 2013, optimized product
    quantization, section 3.2). There is no output activation.
    """

    encoder: PatchEncoder
    decoder: PatchDecoder

    def __init__(
        self,
        channels: int = 3,
        latent_dim: int = 256,
        stem: int = 4,
        widths: tuple[int, ...] = (64, 96, 128),
        blocks: int = 2,
        balance: int = 1,
    ):
        check_int("stem", stem, 1, 64)
        check_int("blocks", blocks, 1, 64)
        if not isinstance(widths, (tuple, list)) or not 1 <= len(widths) <= 8:
            raise ValueError(f"widths={widths!r}: expected 1 to 8 whole numbers, one a scale, finest first")
        for width in widths:
            check_int("widths", width, 1, 4096)
        super().__init__(channels, latent_dim, (stem * 2 ** (len(widths) - 1),))
        if latent_dim % check_int("balance", balance, 1, 4096):
            raise ValueError(f"balance={balance}: expected a divisor of latent_dim={latent_dim}")
        self.balance = balance
        self.encoder = PatchEncoder(channels, latent_dim, stem, widths, blocks)
        self.decoder = PatchDecoder(channels, latent_dim, stem, widths, blocks)
        self.apply(initialise)
        nn.init.zeros_(self.encoder.conv_out.weight)
        nn.init.zeros_(self.decoder.conv_out.weight)
        for block in self.modules():
            if isinstance(block, PatchBlock):
                nn.init.zeros_(block.conv2.weight)

    @torch.no_grad()
    def fit(self, mean: Tensor, components: Tensor, variances: Tensor) -> None:
        """Initialise the linear path as PCA.

        mean (n,), components (k, n) and their variances (k,), largest first, with n = channels x stride x stride
        numbers of a patch in the order of `pixel_unshuffle`. The first latent_dim components are used; with fewer, the
        remaining latents start at zero.
        """
        number = min(self.latent_dim, len(components))
        rows = components.new_zeros(self.latent_dim, len(mean))
        rows[_balanced(variances[:number], self.latent_dim, self.balance)] = components[:number]
        encoding, decoding = self.encoder.linear, self.decoder.linear
        assert encoding.bias is not None and decoding.bias is not None
        encoding.weight.copy_(rows[:, :, None, None])
        encoding.bias.copy_(-rows @ mean)
        decoding.weight.copy_(rows.T[:, :, None, None])
        decoding.bias.copy_(mean)


def _balanced(variances: Tensor, num_latents: int, groups: int) -> Tensor:
    """Return the latent of each component: `groups` equal runs of latents with about equal products of variances.

    Each component, largest variance first, goes to the run with the smallest product among those with room.
    """
    room = num_latents // groups
    logs, members = [0.0] * groups, [0] * groups
    latents = []
    scaled = variances.clamp(min=1e-12)
    for log in (scaled / scaled.min()).log().tolist():  # at least 0, so that every component adds to its run
        group = min((g for g in range(groups) if members[g] < room), key=lambda g: logs[g])
        latents.append(group * room + members[group])
        logs[group] += log
        members[group] += 1
    return torch.tensor(latents, device=variances.device)
