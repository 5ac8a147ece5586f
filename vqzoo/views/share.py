"""Links to a comparison: from a comparison to the query of a URL, and back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from vqzoo.analysis.examples import examples
from vqzoo.views.comparison import FIRST_SORT, SORTS, Comparison
from vqzoo.views.crop import named, split
from vqzoo.views.engine import Engine

_MOST = 64
"""Largest number of models in a link."""


@dataclass(frozen=True)
class View:
    """The view that a link asks for.

    `page` and `path`, that of an example image or of a part of one (see `views.crop`), are None if the link does not
    name them; `left_out` is a sentence on the parts of the link that are not available here, or ""; `asked` is when
    another page asked for the view, 0 for a link.
    """

    page: str | None
    path: str | None
    side: int
    names: tuple[str, ...]
    codecs: bool
    sort: str
    worst_first: bool
    left_out: str = ""
    asked: float = 0


def example_of(path: str | None) -> str | None:
    """Return the label of the example image with the same bytes as a file; None without one."""
    if not path or not Path(path).is_file():
        return None
    content = Path(path).read_bytes()
    return next((name for name, example in examples().items() if example.read_bytes() == content), None)


def to_query(
    shown: Comparison, page: str | None = None, codecs: bool = False, sort: str = FIRST_SORT, worst_first: bool = False
) -> tuple[str, str]:
    """Return the query of a link to the comparison `shown`, and a message for the visitor."""
    whole, box = split(shown.photo)
    image = example_of(whole)
    fields = {"tab": page, "image": image, "side": str(shown.side), "models": ",".join(shown.models)}
    fields |= {"part": f"{box[0]},{box[1]}" if box else None}
    fields |= {"codecs": "1" if codecs else None, "sort": None if sort == FIRST_SORT else sort}
    fields |= {"worst": "1" if worst_first else None}
    text = (
        "Copied, or copy it from here: the link opens on this comparison."
        if image
        else "Copied, or copy it from here. Your own photograph is not in it: it opens on the first example."
    )
    return urlencode({key: value for key, value in fields.items() if value}, safe=","), text


def from_query(query: Mapping[str, str], engine: Engine, sides: Sequence[int], side: int) -> View | None:
    """Parse the query of a link as far as its parts are available here; None if it asks for nothing.

    `sides` are the allowed longest sides; `side` is the default.
    """
    if not query.keys() & {"tab", "image", "models", "side", "codecs", "sort"}:
        return None
    pictures, missing = examples(), []
    image = query.get("image")
    if image is not None and image not in pictures:
        missing.append("the example")
    asked = [name for name in query.get("models", "").split(",") if name][:_MOST]
    names = [name for name in asked if name in engine.models]
    if len(names) < len(asked):
        missing.append("a model" if len(asked) - len(names) == 1 else f"{len(asked) - len(names)} of the models")
    wanted = query.get("side", "")
    if wanted.isascii() and wanted.isdigit() and int(wanted[:6]) in sides:
        side = int(wanted)
    sort = query.get("sort", FIRST_SORT)
    path = str(pictures[image]) if image in pictures else None
    if path and (corner := re.fullmatch(r"(\d{1,6}),(\d{1,6})", query.get("part", ""), re.ASCII)):
        path = named(path, int(corner[1]), int(corner[2]), side)
    return View(
        query.get("tab", "Compare"),
        path,
        side,
        tuple(dict.fromkeys(names)),
        query.get("codecs") == "1",
        sort if sort in SORTS else FIRST_SORT,
        query.get("worst") == "1",
        f"The link asks for what is not here: {' and '.join(missing)}." if missing else "",
    )
