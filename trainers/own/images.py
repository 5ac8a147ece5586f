"""The images of a run on somebody's own data: their parts, and what they are like."""

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
"""Key of the hash of all images that are used."""
_SAMPLE = 400
"""Images whose sizes are looked at."""


@dataclass(frozen=True)
class Images:
    """The images of a run: their parts, what they are like, and what the card tells of them."""

    splits: Splits
    statistics: ImageStatistics
    facts: dict[str, Any]


def dataset_name(data: str) -> str:
    """Return what a data set is called in the model's name: its folder's name, or that of a known or a Hub data set."""
    if not Path(data).exists() and (data in HUB_IDS or "/" in data):
        return data
    path = Path(data).resolve()
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", path.stem if path.is_file() else path.name).strip("-.")[:40]
    return f"my-{name}" if name in HUB_IDS else name or "images"


def inspect_images(dataset: str, options: TrainOptions) -> Images:
    """Return the images in their parts, and what they are like.

    Raises ValueError for data that cannot be had or divided, for an image that is in two parts, and where no image can
    be read.
    """
    splits = open_splits(dataset, ["train", "test"], options.source)
    parts = {part: splits[part] for part in ("train", "held_out", "test") if part in splits}
    if not splits.divided:
        check_disjoint(parts)
    rows = parts["train"]
    sample = [header(cell) for cell in rows[:: max(1, len(rows) // _SAMPLE)]["image"]]
    sizes = [size for size in sample if size is not None]
    if not sizes:
        raise ValueError(f"{options.data}: none of {len(sample)} images that were looked at can be read")
    contents = [content for each in parts.values() for content in sorted(file_hashes(each))]
    fingerprint = hashlib.blake2b("".join(contents).encode(), digest_size=8).hexdigest()
    facts = splits.facts() | {"config": options.config or None, FINGERPRINT: fingerprint}
    statistics = ImageStatistics([min(width, height) for width, height, _ in sizes], all(grey for *_, grey in sizes))
    return Images(splits, statistics, facts)
