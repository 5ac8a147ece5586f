"""A few photographs as a token set: the folder that `vqzoo tokenize` writes, and the rows of its Parquet file."""

import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from vqzoo.files.images import ImageError
from vqzoo.hub.registry import find
from vqzoo.views.engine import Engine

if TYPE_CHECKING:
    from vqzoo.tokenizer import Tokenizer
    from vqzoo.tokens.picture import Picture, Unit

ABOUT = (
    "A row a photograph, with the indices of each level row by row. The archive holds the Parquet file and "
    "manifest.json; unpacked it is what `vqzoo detokenize`, `datasets.load_dataset` and `vqzoo.tokens.TokenSet` read. "
    "`vqzoo tokenize` makes one of a whole data set."
)
MOST = 64
"""Photographs at a time."""


@dataclass(frozen=True)
class TokenSetFile:
    """A token set.

    archive: a zip file with its folder.
    rows: the rows of its Parquet file, by heading, "column: type"; of indices the first ones, as text.
    line: a sentence on it.
    """

    archive: bytes
    rows: list[dict[str, Any]]
    line: str


def token_set(engine: Engine, name: str, paths: Sequence[str], longest: int) -> TokenSetFile:
    """Return the token set of photographs, shrunk so that no side is over `longest` pixels, by a model of the engine.

    A photograph that cannot be read has no row, and the manifest says why. Raises ValueError if none can be read, for
    too many of them, for a model that is not offered, and if packages of the extra "tokens" are missing.
    """
    if not 1 <= len(paths) <= MOST:
        raise ValueError(f"{len(paths)} photographs: choose 1 to {MOST}; `vqzoo tokenize` takes any number.")
    try:
        from vqzoo.tokens.manifest import Source, manifest_of
        from vqzoo.tokens.run import begin, finish, write_shard
        from vqzoo.tokens.shard import Encoder
        from vqzoo.tokens.store import Store
        from vqzoo.tokens.tables import shown_rows
    except ModuleNotFoundError as error:
        raise ValueError(f'Token sets need {error.name}: in the checkout, pip install -e ".[tokens]"') from None
    with engine.borrow(name) as tokenizer, TemporaryDirectory() as folder:
        photographs = _Photographs(engine, tokenizer, paths, longest)
        encoder, store = Encoder(tokenizer, photographs, batch_size=16), Store(folder)
        manifest = manifest_of(tokenizer, Source.of(name, *find(engine.models[name])), photographs, encoder.batch_size)
        begin(store, manifest)
        (unit,) = photographs.units
        write_shard(encoder, store, unit)
        whole = finish(store, manifest, photographs.units)
        assert whole is not None
        counts, broken = whole["counts"][unit.split], whole["broken"]
        if not counts["rows"]:
            raise ValueError(f"{broken[0]['key']}: {broken[0]['reason']}")
        rows, size = shown_rows(Path(folder, unit.file)), Path(folder, unit.file).stat().st_size
        with TemporaryDirectory() as beside:
            archive = Path(shutil.make_archive(f"{beside}/tokens", "zip", folder)).read_bytes()
    left_out = "".join(f" {each['key']} has no row: {each['reason']}." for each in broken)
    bits = f"{whole['bits_per_image']:,.0f} true bits a photograph"
    return TokenSetFile(archive, rows, f"{counts['rows']:,} rows, {size:,} bytes of Parquet, {bits}.{left_out}")


class _Photographs:
    """Files as the pictures of one unit, in their own sizes; see `vqzoo.tokens.picture.Pictures`."""

    views: tuple[str, ...] = ("whole",)
    side: int = 0

    def __init__(self, engine: Engine, tokenizer: "Tokenizer", paths: Sequence[str], longest: int):
        from vqzoo.tokens.picture import Unit

        self.engine, self.tokenizer, self.paths, self.longest = engine, tokenizer, paths, longest
        self.features: dict[str, Any] = {}
        self.units = [Unit("train", 0, 1, len(paths))]
        self.preprocessing = {"side": 0, "longest": longest, "channels": tokenizer.autoencoder.channels}

    def read(self, unit: "Unit") -> Generator["Picture", None, None]:
        """Yield the pictures, in order."""
        from vqzoo.tokens.picture import Picture

        for path in self.paths:
            try:
                views: Any = (self._pixels(path),)
            except ImageError as error:
                views = str(error).rstrip(".")
            yield Picture(Path(path).name, views, {})

    def _pixels(self, path: str) -> np.ndarray:
        from vqzoo.analysis.encode import original_of

        pixels: np.ndarray = original_of(self.tokenizer, self.engine.photo(path, self.longest).pixels)[0].cpu().numpy()
        return pixels
