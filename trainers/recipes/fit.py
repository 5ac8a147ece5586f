"""The base of recipes for baselines that are fitted to blocks of pixels."""

from dataclasses import asdict, dataclass
from typing import Any

from vqzoo.ops.check import check_int


@dataclass(frozen=True)
class FitRecipe:
    """A fit of a baseline. Every field can be overridden on the command line."""

    name: str
    """Recipe, checkpoint folder, model card and Hub repository: <dataset>-<method>-<side of a block>x<size>."""
    dataset: str
    """A key of `trainers.data.sets.HUB_IDS`, or any Hub id."""
    stride: int
    """Side of a block in pixels; the resolution, for whole images."""
    resolution: int = 32
    """Side in pixels; images of another size are shrunk and centre-cropped to it."""
    channels: int = 3
    held_out: int = 1000
    """Images held out of the train split, as trainers/train.py does, so that all models see the same images."""
    train_images: int = 0
    """Number of images to fit to, the first ones; 0: all that are not held out."""

    def __post_init__(self) -> None:
        for name in ("stride", "resolution", "held_out"):
            check_int(name, getattr(self, name), 1, 2**30)
        check_int("train_images", self.train_images, 0, 2**30)
        if self.resolution % self.stride:
            raise ValueError(f"stride={self.stride}: expected a divisor of resolution={self.resolution}")

    @property
    def blocks(self) -> int:
        """Number of blocks of an image."""
        return (self.resolution // self.stride) ** 2

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, as stored in metrics.json."""
        return asdict(self)
