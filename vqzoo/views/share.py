"""A comparison as the query of a link, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from vqzoo.analysis.examples import examples
from vqzoo.views.comparison import FIRST_SORT, SORTS, Comparison
from vqzoo.views.engine import Engine

_MOST = 64
"""Names that a link may have: a page of more is nobody's comparison."""


@dataclass(frozen=True)
class View:
    """What a link says; page, and the path of its example, only where it names them. left_out: a sentence on what it
    asks for and is not here, or nothing."""

    page: str | None
    path: str | None
    side: int
    names: tuple[str, ...]
    codecs: bool
    sort: str
    worst_first: bool
    left_out: str = ""


def example_of(path: str | None) -> str | None:
    """The label of the example that a file is a copy of, by its bytes."""
    if not path or not Path(path).is_file():
        return None
    content = Path(path).read_bytes()
    return next((name for name, example in examples().items() if example.read_bytes() == content), None)


def to_query(
    shown: Comparison, page: str | None = None, codecs: bool = False, sort: str = FIRST_SORT, worst_first: bool = False
) -> tuple[str, str]:
    """(the query, a sentence on what it cannot hold) of the comparison `shown`."""
    image = example_of(shown.photo)
    fields = {"tab": page, "image": image, "side": str(shown.side), "models": ",".join(shown.models)}
    fields |= {"codecs": "1" if codecs else None, "sort": None if sort == FIRST_SORT else sort}
    fields |= {"worst": "1" if worst_first else None}
    said = (
        "Copied, or copy it from here: the link opens on this comparison."
        if image
        else "Copied, or copy it from here. Your own photograph is not in it: it opens on the first example."
    )
    return urlencode({key: value for key, value in fields.items() if value}, safe=","), said


def from_query(query: Mapping[str, str], engine: Engine, sides: Sequence[int], side: int) -> View | None:
    """What a link asks for, as far as it is here; None where it asks for nothing. `side`: where it names none."""
    if not query.keys() & {"tab", "image", "models", "side", "codecs", "sort"}:
        return None
    pictures, said = examples(), []
    image = query.get("image")
    if image is not None and image not in pictures:
        said.append("the example")
    asked = [name for name in query.get("models", "").split(",") if name][:_MOST]
    names = [name for name in asked if name in engine.models]
    if len(names) < len(asked):
        said.append("a model" if len(asked) - len(names) == 1 else f"{len(asked) - len(names)} of the models")
    wanted = query.get("side", "")
    if wanted.isascii() and wanted.isdigit() and int(wanted[:6]) in sides:
        side = int(wanted)
    sort = query.get("sort", FIRST_SORT)
    return View(
        query.get("tab"),
        str(pictures[image]) if image in pictures else None,
        side,
        tuple(dict.fromkeys(names)),
        query.get("codecs") == "1",
        sort if sort in SORTS else FIRST_SORT,
        query.get("worst") == "1",
        f"The link asks for what is not here: {' and '.join(said)}." if said else "",
    )
