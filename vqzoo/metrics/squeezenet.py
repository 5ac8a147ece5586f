"""SqueezeNet 1.1 (Iandola et al., 2016, arXiv:1602.07360) without its classifier, and its weights.

The names of its layers are torchvision's, whose own network takes two seconds longer to import.
"""

import os
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

WEIGHTS_VARIABLE = "VQZOO_WEIGHTS"
"""Environment variable with the path of a folder whose <network>-features.safetensors replace the shipped weights."""
SHIPPED = Path(__file__).with_name("weights")
"""Folder of the weights that are part of the package; LICENSES.md in it says whose they are."""


class Fire(nn.Module):
    """A 1x1 convolution to few channels, then 1x1 and 3x3 convolutions whose outputs are concatenated."""

    def __init__(self, inputs: int, squeezed: int, expanded: int):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (b, 2 * expanded, h, w) for maps (b, inputs, h, w)."""
        few = F.relu(self.squeeze(maps), inplace=True)
        return torch.cat([F.relu(expand(few), inplace=True) for expand in (self.expand1x1, self.expand3x3)], 1)


def squeezenet(weights: dict[str, Tensor]) -> nn.Sequential:
    """Return the 13 layers with `weights`, "features.0.weight" and so on, in float32."""

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    with torch.device("meta"):  # no random initialization, as the weights replace everything
        stem = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(inplace=True), pool(), Fire(64, 16, 64), Fire(128, 16, 64), pool()]
        body = [Fire(128, 32, 128), Fire(256, 32, 128), pool(), Fire(256, 48, 192), Fire(384, 48, 192)]
        network = nn.Sequential(*stem, *body, Fire(384, 64, 256), Fire(512, 64, 256))
    prefix = "features."
    state = {key.removeprefix(prefix): weights[key].float() for key in weights if key.startswith(prefix)}
    network.load_state_dict(state, assign=True)
    return network


def squeezenet_weights() -> dict[str, Tensor]:
    """Return the weights in the folder that VQZOO_WEIGHTS names, or else those of the package, in half precision."""
    file = "squeezenet1_1-features.safetensors"
    own = Path(os.environ.get(WEIGHTS_VARIABLE) or SHIPPED, file)
    return load_file(own if own.is_file() else SHIPPED / file)
