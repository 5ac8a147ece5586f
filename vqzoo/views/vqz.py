"""Photographs as .vqz files of models that are known by name."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vqzoo.files.download import files_of
from vqzoo.files.storage import NEIGHBOURS, WEIGHTS, WEIGHTS_LIMIT, read_json, sha256
from vqzoo.hub.card import USAGE
from vqzoo.hub.registry import Model, find
from vqzoo.hub.usage_file import columns
from vqzoo.tokens.header import facts, unseal
from vqzoo.views.engine import Engine, Photo, Recent

ABOUT = (
    "A .vqz file holds the tokens of the photograph compared last, entropy-coded by what is known of tokens that are "
    "neighbours. It opens with a model of the same weights alone: here, or by `vqzoo decompress`."
)

if TYPE_CHECKING:
    from vqzoo.tokenizer import Tokenizer
    from vqzoo.tokens.vqz import Shipped, Vqz


def shipped(source: str | Path | Model) -> "Shipped":
    """Return what a model ships with; `source` as in `vqzoo.load`. Raises ValueError for damaged files."""
    from vqzoo.tokens.neighbours import LIMIT
    from vqzoo.tokens.vqz import Shipped

    files = files_of(*find(source))
    counts = read_json(files.path(USAGE), files.name).get("counts") if files.has(USAGE) else None
    name = source.name if isinstance(source, Model) else files.name
    return Shipped(
        re.sub(r"[^A-Za-z0-9._/-]", "-", name),
        sha256(files.path(WEIGHTS, WEIGHTS_LIMIT)),
        None if counts is None else columns(counts),
        files.path(NEIGHBOURS, LIMIT) if files.has(NEIGHBOURS) else None,
    )


def write_photograph(tokenizer: "Tokenizer", of: "Shipped", pixels: np.ndarray, levels: int = 0) -> "Vqz":
    """Return the file of a photograph, uint8 (h, w, 3); its luminance for a grey tokenizer. See `vqz.compress`."""
    from vqzoo.analysis.encode import original_of
    from vqzoo.tokens.vqz import compress

    return compress(tokenizer, tokenizer.encode(original_of(tokenizer, pixels)), of, levels)


def read_photograph(tokenizer: "Tokenizer", of: "Shipped", data: bytes) -> np.ndarray:
    """Return the picture, uint8 (h, w, 3), of a file; a ValueError says why it cannot be read."""
    from vqzoo.analysis.encode import to_rgb
    from vqzoo.ops.pixels import to_bytes
    from vqzoo.tokens.vqz import decompress

    return to_rgb(to_bytes(tokenizer.decode(decompress(data, tokenizer, of))))


class Files:
    """Writes and reads files with the models of an engine; what was written is cached."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._written: Recent[Any, Vqz] = Recent(128)
        self._shipped: Recent[Any, Shipped] = Recent(64)

    def write(self, name: str, photo: Photo, levels: int = 0) -> "Vqz":
        """Return the file of a photograph; `levels` writes the first ones of a residual model alone, 0 all.

        Raises ValueError for a model that is not offered, levels that it has not, and too large a photograph.
        """
        with self.engine.borrow(name) as tokenizer:
            of = self._of(name)
            return self._written.get(
                (of.weights, name, photo.key, levels), lambda: write_photograph(tokenizer, of, photo.pixels, levels)
            )

    def read(self, data: bytes, pixels: int) -> np.ndarray:
        """Return the picture, uint8 (h, w, 3), of a file made by a model that the engine offers.

        Nothing is loaded that is not offered already. A ValueError says why a file cannot be read, also for a picture
        of more than `pixels`.
        """
        header, _ = unseal(data)
        height, width = header.size
        if height * width > pixels:
            raise ValueError(f"The file holds {width} x {height} pixels; at most {pixels:,} are read here.")
        if header.name not in self.engine.models:
            raise ValueError(f"The file was made with {header.name!r}, which is not among the models here.")
        with self.engine.borrow(header.name) as tokenizer:
            return read_photograph(tokenizer, self._of(header.name), data)

    def _of(self, name: str) -> "Shipped":
        model = self.engine.models[name]
        return self._shipped.get((name, model.source, model.revision), lambda: shipped(model))


def written_line(file: "Vqz") -> str:
    """Return a line on a written file."""
    values = facts(file.data)
    coding = f"the header is {values['header_bytes']} of the bytes, symbols are coded by {values['symbols']}"
    return f"{_caption(values)}; {coding}."


def opened_line(data: bytes) -> str:
    """Return a line on an opened file."""
    values = facts(data)
    return f"{values['tokenizer']}: {_caption(values)}."


def _caption(values: dict[str, Any]) -> str:
    return (
        f"{values['width']} × {values['height']} pixels in {values['bytes']:,} bytes, "
        f"{values['bits_per_pixel']:.4f} bits a pixel"
    )
