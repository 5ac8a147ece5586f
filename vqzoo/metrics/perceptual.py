"""LPIPS (Zhang et al., 2018, arXiv:1801.03924), with weights that are on this machine.

Those of SqueezeNet are part of the package, so that every image has a distance; AlexNet and VGG are for training.
"""

import os
import warnings
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.hub import get_dir, load_state_dict_from_url

from vqzoo.metrics.squeezenet import SHIPPED, WEIGHTS_VARIABLE, squeezenet, squeezenet_weights

Net = Literal["squeeze", "alex", "vgg"]

# Net -> its name in the folder of WEIGHTS_VARIABLE, and torchvision's file in the cache of torch.hub.
BACKBONES = {
    "alex": ("alexnet", "alexnet-owt-7be5be79.pth"),
    "vgg": ("vgg16", "vgg16-397923af.pth"),
}
MINIMUM_SIDE = 32
"""Shortest side, in pixels, of images that the networks accept."""
_DOWNLOAD = "https://download.pytorch.org/models/"


class Perceptual(nn.Module):
    """LPIPS v0.1 with one of its networks, which `name` includes: values of different networks cannot be compared."""

    shift: Tensor
    scale: Tensor

    def __init__(self, net: Net, backbone: dict[str, Tensor]):
        super().__init__()
        self.name = f"lpips-{net}-v0.1"
        self.network, linear = _squeeze(backbone) if net == "squeeze" else _of_the_package(net, backbone)
        self.linear = nn.ParameterList(linear)  # (c,) of each layer
        # Means and deviations of ImageNet, of values in [-1, 1].
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1))
        # Features are normalized over channels, which is several times faster on a CPU if channels are contiguous.
        self.network.to(memory_format=torch.channels_last)
        self.requires_grad_(False).eval()
        self._last: tuple[Tensor, list[Tensor]] | None = None

    @property
    def num_layers(self) -> int:
        """How many layers of the network are compared."""
        return len(self.linear)

    @torch.no_grad()
    def forward(self, images: Tensor, originals: Tensor) -> Tensor | None:
        """Return the (b,) distance of uint8 images (b, 1 or 3, h, w), 0 if equal; None for sides under 32 pixels.

        Features of the last single original are cached, as many models are measured on the same photograph.
        """
        if min(images.shape[2:]) < MINIMUM_SIDE:
            return None
        total = torch.zeros(len(images), device=images.device)
        for ours, theirs, weight in zip(
            self._maps(_scaled(images)), self._of_original(originals), self.linear, strict=True
        ):
            # In place: fresh memory costs more than the arithmetic on it.
            difference = ours.div_(_norm(ours)).sub_(theirs)
            total += difference.square_().mean((2, 3)) @ weight
        return total

    def _of_original(self, originals: Tensor) -> list[Tensor]:
        if len(originals) > 1:
            return self.features(_scaled(originals))
        last = self._last
        if last is None or last[0].device != originals.device or not torch.equal(last[0], originals):
            self._last = last = originals, self.features(_scaled(originals))
        return last[1]

    def features(self, images: Tensor) -> list[Tensor]:
        """Return each layer's features (b, c, h', w'), normalized over c; images (b, 1 or 3, h, w) are in [-1, 1]."""
        return [each / _norm(each) for each in self._maps(images)]

    def _maps(self, images: Tensor) -> list[Tensor]:
        scaled = (images.expand(-1, 3, -1, -1) - self.shift) / self.scale
        maps: list[Tensor] = self.network(scaled.contiguous(memory_format=torch.channels_last))
        return maps

    def distances(self, features: list[Tensor], others: list[Tensor]) -> Tensor:
        """Return the distance of each layer (b, num_layers); their sum is LPIPS."""
        parts = [
            (ours - theirs).square().mean((2, 3)) @ weight
            for ours, theirs, weight in zip(features, others, self.linear, strict=True)
        ]
        return torch.stack(parts, 1)


def distance(images: Tensor, originals: Tensor, network: Perceptual) -> Tensor | None:
    """Perceptual distance v0.1 (arXiv:1801.03924), by SqueezeNet by default, for sides from 32 pixels; 0 is equal."""
    values: Tensor | None = network(images, originals)
    return values


def _scaled(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


def _norm(features: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return norm + 1e-10


class _Stages(nn.Module):
    """The outputs of SqueezeNet's layers that LPIPS compares."""

    compared = (1, 4, 7, 9, 10, 11, 12)

    def __init__(self, layers: nn.Sequential):
        super().__init__()
        self.layers = layers

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return seven maps (b, c, h', w') of images (b, 3, h, w)."""
        maps, outputs = images, []
        for number, layer in enumerate(self.layers):
            maps = layer(maps)
            if number in self.compared:
                outputs.append(maps)
        return outputs


def _squeeze(backbone: dict[str, Tensor]) -> tuple[nn.Module, list[Tensor]]:
    linear = load_file(SHIPPED / "lpips_v0.1-lin-squeeze.safetensors")
    weights = [linear[f"lin{number}.model.1.weight"].flatten() for number in range(len(linear))]
    return _Stages(squeezenet(backbone)), weights


def _of_the_package(net: Net, backbone: dict[str, Tensor]) -> tuple[nn.Module, list[Tensor]]:
    import lpips  # takes seconds, as it imports all of torchvision

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lpips 0.1.4 uses arguments that torchvision has deprecated
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    # The package splits the backbone into slices but keeps layer numbers: slice3.5.x is features.5.x.
    state = model.net.state_dict()
    model.net.load_state_dict({key: backbone["features." + key.split(".", 1)[1]].to(state[key].dtype) for key in state})
    # Each linear layer is a dropout, which evaluation skips, and a convolution.
    return model.net, [linear.model[-1].weight.detach().flatten() for linear in model.lins]


def load(net: Net = "squeeze") -> Perceptual | None:
    """Return LPIPS with `net`, or None if the network's weights are not on this machine; nothing is downloaded."""
    weights = backbone(net)
    return None if weights is None else Perceptual(net, weights)


def backbone(net: Net) -> dict[str, Tensor] | None:
    """Return a network's weights under torchvision's names ("features.0.weight", ...), None if they are not found.

    Those of SqueezeNet are always there: `squeezenet_weights`. Those of others are read from the folder in the
    environment variable VQZOO_WEIGHTS or else from the cache of torch.hub, which `python -m vqzoo.metrics NET` fills.
    """
    if net == "squeeze":
        return squeezenet_weights()
    network, file = BACKBONES[net]
    folder = os.environ.get(WEIGHTS_VARIABLE)
    if folder and (path := Path(folder, f"{network}-features.safetensors")).is_file():
        return load_file(path)
    if (path := Path(get_dir(), "checkpoints", file)).is_file():
        weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return weights
    return None


perceptual = cache(load)
"""`load` with a cache, None included, so that all callers share one network."""


def fetch(net: Net) -> None:
    """Download the weights of AlexNet or VGG from torchvision's server into the cache of torch.hub, checksum verified.

    Raises URLError if the server cannot be reached.
    """
    load_state_dict_from_url(_DOWNLOAD + BACKBONES[net][1], map_location="cpu", check_hash=True, weights_only=True)
