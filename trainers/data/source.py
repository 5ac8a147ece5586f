"""Where a data set is, and which of its images are meant."""

import os
from dataclasses import dataclass

from vqzoo.files.storage import is_path

HUB_IDS = {
    "cifar10": "uoft-cs/cifar10",
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "flowers": "nkirschi/oxford-flowers",  # Oxford 102 Flowers
}
"""Data sets that the recipes call by a short name, and where they are on the Hub."""
DIVIDE = "divide"
PARTS = ("train", "held_out", "test")
"""What a run uses images for: to learn from, to choose the best checkpoint by, and to measure on at the end."""


def check_data(data: str) -> None:
    """Raise ValueError for images that can be nowhere: no file or folder, and no data set of the Hub by its name."""
    if os.path.lexists(data) or data in HUB_IDS or ("/" in data and not is_path(data)):
        return
    raise ValueError(
        f"{data!r}: no such folder; expected a folder of pictures, a data set of the Hub as owner/name, "
        f"or one of {', '.join(HUB_IDS)}"
    )


@dataclass(frozen=True)
class Source:
    """A data set as a command line names it; empty fields leave the choice to the data set.

    data: a local folder or file; without it $VQZOO_DATA/DATASET where that exists, else the Hub.
    config: the configuration of a data set that has several. column: the column of images.
    splits: "train=NAME,test=NAME[,held_out=NAME]" with names of the data set's splits, or "divide", which pools all
    splits and divides the images by their content.
    """

    data: str | None = None
    config: str = ""
    column: str = ""
    splits: str = ""

    def names(self) -> dict[str, str]:
        """Return the data set's name of each part that `splits` gives; ValueError for what cannot be understood."""
        if self.splits in ("", DIVIDE):
            return {}
        names = {}
        for pair in self.splits.split(","):
            part, equals, name = (text.strip() for text in pair.partition("="))
            if part not in PARTS or not equals or not name or part in names:
                raise ValueError(
                    f"splits={self.splits!r}: expected train=NAME,test=NAME with names of the data set's splits, "
                    f"held_out=NAME besides, or {DIVIDE!r}"
                )
            names[part] = name
        if not {"train", "test"} <= set(names):
            raise ValueError(f"splits={self.splits!r}: expected both train=NAME and test=NAME")
        return names


def as_source(data: "Source | str | None") -> Source:
    """Return a `Source`, of which a plain text is the folder."""
    return data if isinstance(data, Source) else Source(data)
