"""LPIPS as a training loss."""

import math
from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor, nn

from vqzoo.metrics.perceptual import MINIMUM_SIDE, Net, load
from vqzoo.metrics.squeezenet import WEIGHTS_VARIABLE
from vqzoo.ops.check import check_choice


class PerceptualLoss(nn.Module):
    """Mean LPIPS distance (Zhang et al., 2018, arXiv:1801.03924) of a batch, with a gradient towards its first images.

    For 8-bit images it equals the metric. `layer_weights`, one per layer of the network (squeeze has 7, alex and vgg
    5), scale the distances of the layers, all 1 by default; larger weights for late layers favour semantics over
    texture (SeQ-GAN, Gu et al., 2022, arXiv:2212.03185).

    Raises ValueError if the network's weights are not on this machine.
    """

    layer_weights: Tensor

    def __init__(self, net: Net = "squeeze", layer_weights: Sequence[float] | None = None):
        super().__init__()
        check_choice("net", net, get_args(Net))
        network = load(net)
        if network is None:
            raise ValueError(
                f"the weights of {net!r}, which the perceptual loss needs, are not on this machine: "
                f"`python -m vqzoo.metrics {net}` fetches them, or {WEIGHTS_VARIABLE} names a folder that has them"
            )
        self.network = network
        layers = network.num_layers
        weights = [1.0] * layers if layer_weights is None else list(layer_weights)
        if len(weights) != layers or not all(0 <= weight < math.inf for weight in weights):
            raise ValueError(f"layer_weights={layer_weights!r}: expected {layers} finite numbers of at least 0")
        self.register_buffer("layer_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)

    def forward(self, images: Tensor, originals: Tensor) -> Tensor:
        """Return the distance of float images (b, 1 or 3, h, w) in [-1, 1] to the originals, which get no gradient.

        Raises ValueError for images under 32 pixels a side.
        """
        if min(images.shape[2:]) < MINIMUM_SIDE:
            raise ValueError(
                f"images of {images.shape[2]} x {images.shape[3]}: the perceptual loss needs at least "
                f"{MINIMUM_SIDE} pixels a side; leave it out"
            )
        with torch.no_grad():
            target = self.network.features(originals)
        distances = self.network.distances(self.network.features(images), target)
        return (distances * self.layer_weights).sum(1).mean()
