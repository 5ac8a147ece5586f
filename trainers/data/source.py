"""Where a data set is, and which of its images to use."""

import os
from dataclasses import KW_ONLY, dataclass

from vqzoo.files.storage import is_path

HUB_IDS = {
    "cifar10": "uoft-cs/cifar10",
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "flowers": "nkirschi/oxford-flowers",  # Oxford 102 Flowers
}
"""Hub ids of the data sets that have a short name here."""
DIVIDE = "divide"
PARTS = ("train", "held_out", "test")
"""Images to train on, to choose the best checkpoint by, and to evaluate on at the end."""


def check_data(data: str) -> None:
    """Raise ValueError for a text that is neither a file or folder, nor a known data set, nor a Hub id."""
    if os.path.lexists(data) or data in HUB_IDS or ("/" in data and not is_path(data)):
        return
    raise ValueError(
        f"{data!r}: no such folder; expected a folder of pictures, a data set of the Hub as owner/name, "
        f"or one of {', '.join(HUB_IDS)}"
    )


@dataclass(frozen=True)
class Source:
    """The options of a command line that choose images; empty fields leave the choice to the data set."""

    data: str | None = None
    """Local folder of the data set; without it $VQZOO_DATA/<dataset> where that exists, else the Hub."""
    _: KW_ONLY
    config: str = ""
    """Configuration of a data set that has several."""
    column: str = ""
    """Column of images; without it the one called image or img, else the only one."""
    splits: str = ""
    """train=NAME,test=NAME with the data set's names, held_out=NAME besides; or divide: by the images' content."""

    @property
    def source(self) -> "Source":
        """Return these options alone, without those of a subclass."""
        return Source(self.data, config=self.config, column=self.column, splits=self.splits)

    def names(self) -> dict[str, str]:
        """Return the data set's split name of each part that `splits` gives; ValueError where it cannot be parsed."""
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
    """Return `data` as a `Source`; a text is the path of a folder or file."""
    return data if isinstance(data, Source) else Source(data)
