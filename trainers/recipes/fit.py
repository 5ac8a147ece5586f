"""What recipes of baselines that are fitted to blocks of pixels have in common."""

from dataclasses import asdict, dataclass
from typing import Any

from vqzoo.ops.check import check_int


@dataclass(frozen=True)
class FitRecipe:
    """One fit, complete. Every field can be overridden on the command line."""

    name: str
    """Recipe, checkpoint folder, model card and Hub repository: <dataset>-<method>-<side of a block>x<size>."""
    dataset: str
    """A key of `trainers.data.sets.HUB_IDS`, or any Hub id."""
    stride: int
    """Side of a block in pixels; as large as the resolution, whole images."""
    resolution: int = 32
    """Side in pixels; images of another size are shrunk and centre-cropped to it."""
    channels: int = 3
    held_out: int = 1000
    """Images of the train split kept back, as trainers/train.py does, so that all fits see the same images."""
    train_images: int = 0
    """Fit to the first so many images only; 0 takes all that are not held out."""

    def __post_init__(self) -> None:
        for name in ("stride", "resolution", "held_out"):
            check_int(name, getattr(self, name), 1, 2**30)
        check_int("train_images", self.train_images, 0, 2**30)
        if self.resolution % self.stride:
            raise ValueError(f"stride={self.stride}: expected a divisor of resolution={self.resolution}")

    @property
    def blocks(self) -> int:
        """Blocks of an image."""
        return (self.resolution // self.stride) ** 2

    def to_dict(self) -> dict[str, Any]:
        """Every field, as metrics.json has it."""
        return asdict(self)
