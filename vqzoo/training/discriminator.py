"""The adversary of a tokenizer: a network that tells images from reconstructions, patch by patch."""

import math

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_int


class PatchDiscriminator(nn.Module):
    """PatchGAN: images (b, channels, h, w) in [-1, 1] -> logits (b, 1, h', w'), above 0 for patches that look real.

    As in VQGAN (Isola et al., 2017, arXiv:1611.07004; Esser et al., 2021, arXiv:2012.09841): `layers` 4 x 4
    convolutions of stride 2 and two of stride 1, LeakyReLU of slope 0.2, weights from N(0, 0.02^2). With three layers a
    logit sees 70 x 70 pixels, and h' = h / 8 - 2.

    Both papers use batch normalization. Here groups of channels of one image are normalized (GroupNorm), so that an
    image's logits depend on no other image: two processes with half a batch each have the losses of one process, and
    images and reconstructions may share a pass.
    """

    def __init__(self, channels: int = 3, width: int = 64, layers: int = 3):
        super().__init__()
        self.channels = check_int("channels", channels, 1, 4096)
        self.layers = check_int("layers", layers, 1, 8)
        check_int("width", width, 1, 4096)
        widths = [width * min(2**layer, 8) for layer in range(layers + 1)]
        blocks: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for layer in range(1, layers + 1):
            stride = 2 if layer < layers else 1
            blocks += [
                nn.Conv2d(widths[layer - 1], widths[layer], 4, stride=stride, padding=1),
                nn.GroupNorm(math.gcd(width, 32), widths[layer]),
                nn.LeakyReLU(0.2),
            ]
        self.blocks = nn.Sequential(*blocks, nn.Conv2d(widths[-1], 1, 4, padding=1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (b, 1, h', w'); raise ValueError for images with a side below 3 * 2^layers."""
        if min(images.shape[2:]) < 3 * 2**self.layers:
            raise ValueError(
                f"images of {images.shape[2]} x {images.shape[3]}: a discriminator with layers={self.layers} needs at "
                f"least {3 * 2**self.layers} pixels a side; fewer layers need fewer"
            )
        logits: Tensor = self.blocks(images)
        return logits


def discriminate(discriminator: nn.Module, images: Tensor, restored: Tensor) -> tuple[Tensor, Tensor]:
    """Return (real_logits, fake_logits) for the discriminator's step, without a gradient to `restored`.

    Both are computed in one pass, as data-parallel training expects one forward before each backward.
    """
    logits = discriminator(torch.cat([images.detach(), restored.detach().to(images.dtype)]))
    real_logits, fake_logits = logits.chunk(2)
    return real_logits, fake_logits
