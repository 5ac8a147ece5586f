"""Pictures as .vqz files of models that are known by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from vqzoo.files.download import Repository
from vqzoo.files.storage import WEIGHTS, WEIGHTS_LIMIT, Folder, read_json, sha256
from vqzoo.hub.card import USAGE
from vqzoo.hub.registry import Model, find
from vqzoo.hub.usage_file import columns

if TYPE_CHECKING:
    from vqzoo.tokens.vqz import Shipped


def shipped(source: str | Path | Model) -> "Shipped":
    """Return what a model ships with; `source` as in `vqzoo.load`. Raises ValueError for damaged files."""
    from vqzoo.tokens.neighbours import LIMIT, NEIGHBOURS
    from vqzoo.tokens.vqz import Shipped

    location, revision = find(source)
    files = Folder(Path(location)) if Path(location).is_dir() else Repository(str(location), revision)
    counts = read_json(files.path(USAGE), files.name).get("counts") if files.has(USAGE) else None
    return Shipped(
        files.name,
        sha256(files.path(WEIGHTS, WEIGHTS_LIMIT)),
        None if counts is None else columns(counts),
        files.path(NEIGHBOURS, LIMIT) if files.has(NEIGHBOURS) else None,
    )
