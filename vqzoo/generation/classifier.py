"""Small classifiers of the data sets, trained on real images: they judge whether a sample shows its class."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from vqzoo.files.storage import CONFIG, WEIGHTS, read_json, write_json
from vqzoo.files.weights import load_weights, save_weights
from vqzoo.ops.check import check_choice
from vqzoo.ops.pixels import from_bytes

FOLDER = Path(__file__).with_name("classifiers")
"""Folder of the trained classifiers, each in a folder named as its data set."""
_BATCH = 500


@dataclass(frozen=True)
class Shape:
    """What a classifier reads and how wide it is."""

    dataset: str
    channels: int
    resolution: int
    classes: tuple[str, ...]
    width: int


class Classifier(nn.Module):
    """A residual network (He et al., 2016, arXiv:1512.03385) of torchvision's blocks, for images of 28 or 32 pixels.

    A convolution, then one block at half the resolution and two at a quarter, twice as wide.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        width, wide = shape.width, 2 * shape.width
        self.stem = nn.Sequential(*_convolution(shape.channels, width, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        shortcut = nn.Sequential(*_convolution(width, wide, 1, stride=2))
        self.blocks = nn.Sequential(
            BasicBlock(width, width), BasicBlock(width, wide, 2, shortcut), BasicBlock(wide, wide)
        )
        self.head = nn.Linear(wide, len(shape.classes))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (b, classes) of images (b, channels, resolution, resolution) in [-1, 1]."""
        logits: Tensor = self.head(self.blocks(self.stem(images)).mean((2, 3)))
        return logits

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """Return the likeliest class (n,) of each image, uint8 (n, channels, resolution, resolution)."""
        device = self.head.weight.device
        return torch.cat([self(from_bytes(part.to(device))).argmax(1).cpu() for part in images.split(_BATCH)])


def _convolution(inputs: int, outputs: int, side: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False), nn.BatchNorm2d(outputs)


def save_classifier(classifier: Classifier, folder: Path, measured: dict[str, Any]) -> None:
    """Write a classifier's weights, in half precision, and its config.json with what was measured of it."""
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(classifier, folder / WEIGHTS, torch.float16)
    write_json(folder / CONFIG, {"shape": asdict(classifier.shape), **measured})


def load_classifier(dataset: str, folder: Path = FOLDER) -> tuple[Classifier, dict[str, Any]]:
    """Return the classifier of a data set, in evaluation mode, and its config.json with its own "accuracy".

    Raises ValueError for a data set without one.
    """
    check_choice("classifier", dataset, sorted(path.parent.name for path in folder.glob(f"*/{CONFIG}")))
    config = read_json(folder / dataset / CONFIG)
    shape = config["shape"]
    classifier = Classifier(Shape(**{**shape, "classes": tuple(shape["classes"])}))
    load_weights(classifier, folder / dataset / WEIGHTS)
    return classifier.eval(), config
