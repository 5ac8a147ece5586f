"""The priors on this machine, listed without torch, which takes seconds to import."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqzoo.files.storage import CONFIG, cards_folder, read_json
from vqzoo.generation.card import PRIOR
from vqzoo.hub.model import Damaged, is_number
from vqzoo.hub.schema import check_plain, is_name
from vqzoo.ops.text import plain


@dataclass(frozen=True)
class PriorRecord:
    """A prior that can be loaded.

    kind: name in the table of priors. size: height and width of its images in pixels. classes: names of those that it
    knows. measured: the numbers of prior.json, such as "bits_per_image" and "weights"; empty without measurements.
    """

    name: str
    kind: str
    tokenizer: str
    size: tuple[int, int]
    classes: tuple[str, ...] = ()
    measured: dict[str, float] = field(default_factory=dict)


def is_prior(folder: Path) -> bool:
    """Return whether a folder's config.json is that of a prior."""
    return "prior" in read_json(folder / CONFIG)


def local_priors() -> tuple[list[PriorRecord], list[Damaged]]:
    """Return the priors in `cards_folder()`, sorted by name, and the folders whose files are damaged."""
    priors, damaged = [], []
    for path in sorted(cards_folder().glob(f"*/{CONFIG}")):
        folder = path.parent
        try:
            if is_prior(folder):
                priors.append(_read(folder))
        except (ValueError, OSError) as error:
            if (folder / PRIOR).exists():  # a damaged tokenizer is reported by the list of tokenizers
                damaged.append(Damaged(plain(folder.name, 96), plain(error)))
    return priors, damaged


def _read(folder: Path) -> PriorRecord:
    config = read_json(folder / CONFIG)
    check_plain(f"{CONFIG} of {folder.name}", config)
    measured: dict[str, Any] = read_json(folder / PRIOR) if (folder / PRIOR).exists() else {}
    try:
        height, width = config["size"]
        kind, tokenizer, classes = config["prior"]["name"], config["tokenizer"]["name"], tuple(config["classes"])
        names = (folder.name, kind, tokenizer, *classes)
        whole = all(type(side) is int for side in (height, width)) and all(map(is_name, names))
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise ValueError(f"{CONFIG} of {folder.name}: expected that of a prior, as `save_prior` writes it")
    numbers = {key: value for key, value in measured.items() if is_number(value)}
    return PriorRecord(folder.name, kind, tokenizer, (height, width), classes, numbers)
