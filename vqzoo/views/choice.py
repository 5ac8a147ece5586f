"""What a photograph's tokens may cost, the models that were chosen for it, and the whole answer."""

from dataclasses import dataclass, field
from typing import Any

from vqzoo.analysis.result import Result
from vqzoo.ops.check import check_choice
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Photo

BITS, SIZE, QUALITY = "bits a pixel", "kilobytes", "PSNR in dB"
UNITS = {BITS: 0.6, SIZE: 5.0, QUALITY: 30.0}
"""Unit of a wish -> the value that the page suggests; a kilobyte has 1000 bytes."""
ORDERS = ("lpips", "psnr")
"""Metrics by which the answer can be ordered."""


@dataclass(frozen=True)
class Wish:
    """What a photograph's tokens may cost, or how good it has to be: a value in one of `UNITS`; `order` of `ORDERS`."""

    value: float = UNITS[BITS]
    unit: str = BITS
    order: str = ORDERS[0]

    def __post_init__(self) -> None:
        check_choice("unit", self.unit, UNITS)
        check_choice("order", self.order, ORDERS)
        if not 0 < self.value < 1e9:
            raise ValueError(f"value={self.value:g}: expected a number above 0, of {self.unit}")

    def bits(self, photo: Photo) -> float | None:
        """Return the most bits that a photograph may take; None for a quality."""
        if self.unit == QUALITY:
            return None
        return 8000 * self.value if self.unit == SIZE else self.value * photo.pixels[..., 0].size

    def __str__(self) -> str:
        return f"{self.value:g} dB" if self.unit == QUALITY else f"{self.value:g} {self.unit}"


@dataclass(frozen=True, eq=False)
class Choice:
    """A model or a codec on the photograph.

    Attributes:
        name: of the model, or label of the codec.
        result: its reconstruction with metrics.
        meets: whether it meets the wish.
        use: what it is good for, in a line.
        trained: on which images it was trained and measured, and how long it was trained.
    """

    name: str
    result: Result
    meets: bool
    use: str = ""
    trained: str = ""

    def record(self) -> dict[str, Any]:
        """Return the choice for programs: texts, and numbers or None."""
        numbers = (*ORDERS, "bits_per_image", "bits_per_pixel", "encode_ms", "decode_ms")
        values = {name: self.result.metrics[name] for name in numbers}
        return {"name": self.name, "meets": self.meets, **values, "use": self.use, "trained": self.trained}


@dataclass(frozen=True, eq=False)
class Answer:
    """The models to take, best first, the best image codec at the bits of the first, and why they are in this order."""

    photo: Photo
    shown: Comparison
    wish: Wish
    choices: tuple[Choice, ...] = ()
    codec: Choice | None = None
    headline: str = ""
    why: str = ""
    progress: str = field(default="", compare=False)
    """What is still to be done; "" for a whole answer."""
