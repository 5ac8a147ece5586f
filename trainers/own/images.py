"""The images of a training on the user's own data: their splits, sizes and fingerprint."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainers.data.division import check_disjoint, file_hashes
from trainers.data.pictures import header
from trainers.data.sets import HUB_IDS, Splits, open_splits
from trainers.own.options import TrainOptions
from trainers.own.plan import ImageStatistics

FINGERPRINT = "fingerprint"
"""Key of the hash over all images that are used."""
_SAMPLE = 400
"""Images whose sizes are read."""


@dataclass(frozen=True)
class Images:
    """The images of a training: splits, statistics, and facts for the model card."""

    splits: Splits
    statistics: ImageStatistics
    facts: dict[str, Any]


def dataset_name(data: str) -> str:
    """Return the name of a data set for the model's name: that of its folder, or a known name or Hub id."""
    if not Path(data).exists() and (data in HUB_IDS or "/" in data):
        return data
    path = Path(data).resolve()
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", path.stem if path.is_file() else path.name).strip("-.")[:40]
    return f"my-{name}" if name in HUB_IDS else name or "images"


def inspect_images(dataset: str, options: TrainOptions) -> Images:
    """Open the images, and read the sizes of a sample.

    Raises ValueError for data that cannot be opened or divided, for an image that is in two splits, and where no image
    can be read.
    """
    splits = open_splits(dataset, ["train", "test"], options.source)
    parts = {part: splits[part] for part in ("train", "held_out", "test") if part in splits}
    if not splits.divided:
        check_disjoint(parts)
    rows = parts["train"]
    sample = [header(cell) for cell in rows[:: max(1, len(rows) // _SAMPLE)]["image"]]
    sizes = [size for size in sample if size is not None]
    if not sizes:
        raise ValueError(f"{options.data}: none of a sample of {len(sample)} images can be read")
    contents = [content for each in parts.values() for content in sorted(file_hashes(each))]
    fingerprint = hashlib.blake2b("".join(contents).encode(), digest_size=8).hexdigest()
    facts = splits.facts() | {"config": options.config or None, FINGERPRINT: fingerprint}
    statistics = ImageStatistics([min(size.width, size.height) for size in sizes], all(size.grey for size in sizes))
    return Images(splits, statistics, facts)
