"""What there is to compute on a photograph."""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """name: of a model, or of a codec by its `formats.label`; position: False leaves a model's positional encoding out;
    levels: how many of a residual model's, coarse to fine, are decoded, None for all."""

    name: str
    position: bool = True
    levels: int | None = None

    def key(self, photo: Hashable) -> Hashable:
        """What its result is remembered by, the name first; `photo` is a `Photo.key`."""
        return self.name, photo, self.position, self.levels
