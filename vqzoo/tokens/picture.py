"""Pictures to tokenize, and the units in which they are read."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Unit:
    """Pictures that are read together and become one shard: a range of a split's rows, or one file of a stream.

    images: how many there are, broken ones included; None where that is not known before they are read.
    """

    split: str
    number: int
    of: int
    images: int | None

    @property
    def file(self) -> str:
        """Path of the shard in a token set, as `datasets.load_dataset` finds the files of a split."""
        return f"data/{self.split}-{self.number:05}-of-{self.of:05}.parquet"


@dataclass(frozen=True)
class Picture:
    """One picture of a data set.

    views: uint8 (channels, height, width) of each view; or the reason why the picture cannot be read.
    columns: what is known of it, by the names of `Pictures.features`.
    """

    key: str
    views: tuple[np.ndarray, ...] | str
    columns: dict[str, Any]


class Pictures(Protocol):
    """A data set to tokenize. A unit gives the same pictures in the same order whenever and wherever it is read."""

    units: list[Unit]
    views: tuple[str, ...]
    """Names of the views of a picture."""
    features: dict[str, Any]
    """The columns that are passed through, as `datasets` describes them."""
    preprocessing: dict[str, Any]
    """How pictures become pixels, for the manifest."""
    side: int
    """Height and width of every view; 0 if pictures keep their sizes."""

    def read(self, unit: Unit) -> Generator[Picture, None, None]:
        """Yield the pictures of a unit, in order."""
