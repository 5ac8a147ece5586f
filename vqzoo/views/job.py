"""A job: one model or codec to run on a photograph."""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """One reconstruction to compute.

    Attributes:
        name: a model's name, or the `formats.label` of a codec.
        position: whether the model decodes with its positional encoding.
        levels: how many levels of a residual model are decoded, coarse to fine; None for all.
    """

    name: str
    position: bool = True
    levels: int | None = None

    def key(self, photo: Hashable) -> Hashable:
        """Return the cache key of the result, the name first; `photo` is a `Photo.key`."""
        return self.name, photo, self.position, self.levels
