"""GoogLeNet's Inception block (Szegedy et al., 2015, arXiv:1409.4842, figure 2b)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class InceptionBlock(nn.Module):
    """Four parallel branches with `width` channels in and out, in the proportions of GoogLeNet's block "3a".

    A quarter of the channels come from 1x1 convolutions, half from 3x3, an eighth from 5x5, and an eighth from a 3x3
    maximum. 1x1 convolutions reduce the input of the 3x3 and 5x5 ones to half and an eighth of the width. Each
    convolution is followed by a ReLU. `width` must be a multiple of 8.
    """

    def __init__(self, width: int):
        super().__init__()
        assert width % 8 == 0, width
        half, quarter, eighth = width // 2, width // 4, width // 8
        self.one = nn.Conv2d(width, quarter, 1)
        self.to_three, self.three = nn.Conv2d(width, half, 1), nn.Conv2d(half, half, 3, padding=1)
        self.to_five, self.five = nn.Conv2d(width, eighth, 1), nn.Conv2d(eighth, eighth, 5, padding=2)
        self.pooled = nn.Conv2d(width, eighth, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (b, width, h, w) to the same shape."""
        branches = [
            self.one(x),
            self.three(F.relu(self.to_three(x))),
            self.five(F.relu(self.to_five(x))),
            self.pooled(F.max_pool2d(x, 3, stride=1, padding=1)),
        ]
        return F.relu(torch.cat(branches, 1))
