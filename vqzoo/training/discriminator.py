"""The adversary of a tokenizer: a network that tells images from reconstructions, patch by patch."""

import math

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_int


class PatchDiscriminator(nn.Module):
    """Images (b, channels, h, w) in [-1, 1] -> logits (b, 1, h', w'), above 0 where a patch looks like an image.

    PatchGAN (Isola et al., 2017, arXiv:1611.07004) as VQGAN has it (Esser et al., 2021, arXiv:2012.09841): `layers`
    4 x 4 convolutions of stride 2 and two of stride 1, LeakyReLU of slope 0.2, weights from N(0, 0.02^2). With three
    layers a logit sees 70 x 70 pixels, and h' = h / 8 - 2.

    Both papers normalise by the statistics of a batch. Here groups of channels of one image are normalised instead
    (GroupNorm): an image's logits hang on no other image, so that two processes with half a batch each have the losses
    of one process, and images and reconstructions may share a pass.

    Raises ValueError for images with a side below 3 * 2^layers.
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
        if min(images.shape[2:]) < 3 * 2**self.layers:
            raise ValueError(
                f"images of {images.shape[2]} x {images.shape[3]}: a discriminator with layers={self.layers} needs at "
                f"least {3 * 2**self.layers} pixels a side; fewer layers need fewer"
            )
        return self.blocks(images)


def judge(discriminator: nn.Module, images: Tensor, restored: Tensor) -> tuple[Tensor, Tensor]:
    """(real_logits, fake_logits) for the discriminator's step: nothing that made `restored` gets a gradient by them.

    One pass over both, so that data-parallel training sees one forward to a backward.
    """
    logits = discriminator(torch.cat([images.detach(), restored.detach().to(images.dtype)]))
    real_logits, fake_logits = logits.chunk(2)
    return real_logits, fake_logits
