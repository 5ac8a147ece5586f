"""Decode images to uint8 squares, and count those that cannot be read."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets.utils.file_utils import is_local_path, xopen
from PIL import Image, ImageOps

from trainers.data.loading import BAD_SHARE, Fit
from vqzoo.files.images import OWN_MACHINE, ImageError, load_image
from vqzoo.files.images.formats import format_of, open_as

_LIMITS = replace(OWN_MACHINE, min_side=1)
_GREY = {"1", "L", "LA", "La", "F", "I", "I;16", "I;16B", "I;16L"}
_NAMED = 5
_PRINTED = 20


class Unreadable(ValueError):
    """An image cannot be decoded; the message says why."""


@dataclass(frozen=True)
class Form:
    """The shape to which every image is converted: a square with a side of `resolution` pixels, and its channels.

    fit: how an image that is not square becomes one. "crop" cuts its centre out, "pad" adds black borders, "squash"
    changes its aspect ratio.
    """

    resolution: int
    channels: int
    fit: Fit = "crop"


def decode(cell: Any, form: Form) -> np.ndarray:
    """Decode a cell of `image_rows`, bytes or a path, to (channels, resolution, resolution) uint8.

    Pixels are the same as in the app (`vqzoo.files.images.load_image`); with one channel they are luminance. Images of
    another size are resized (Lanczos) as `form.fit` says; much larger ones are shrunk during decoding. Raises
    Unreadable.
    """
    side = form.resolution
    longest, shortest = (side, None) if form.fit == "pad" else (None, side)
    pixels = _load(cell, form.channels, longest, shortest)
    if pixels.shape[:2] != (side, side):
        pixels = np.asarray(_FITS[form.fit](Image.fromarray(pixels), (side, side)))
    return np.ascontiguousarray(pixels.reshape(side, side, form.channels).transpose(2, 0, 1))


def read_pixels(cell: Any, channels: int, longest: int) -> np.ndarray:
    """Decode a cell of `image_rows` at its own size, to (channels, height, width) uint8.

    An image with a side of more than `longest` pixels is shrunk. Raises Unreadable.
    """
    pixels = _load(cell, channels, longest, None)
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], channels).transpose(2, 0, 1))


def _load(cell: Any, channels: int, longest: int | None, shortest: int | None) -> np.ndarray:
    try:
        image = load_image(_source(cell), _LIMITS, longest=longest, shortest=shortest, grey=channels == 1)
    except (ImageError, OSError) as error:
        raise Unreadable(str(error).removesuffix(".")) from error
    return image.pixels


_LANCZOS = Image.Resampling.LANCZOS
_FITS: dict[Fit, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "crop": lambda image, size: ImageOps.fit(image, size, _LANCZOS),
    "pad": lambda image, size: ImageOps.pad(image, size, _LANCZOS),
    "squash": lambda image, size: image.resize(size, _LANCZOS),
}


def _source(cell: Any) -> str | bytes:
    """Return a local path, or the bytes of an image that is in an archive or on another machine."""
    content, path = (cell["bytes"], cell["path"]) if isinstance(cell, dict) else (None, None)
    if content is not None or path is None:
        return bytes(content or b"")
    if is_local_path(path):
        return str(path)
    with xopen(path, "rb") as file:
        return bytes(file.read(_LIMITS.bytes + 1))


def try_decode(cell: Any, form: Form) -> np.ndarray | Unreadable:
    """Return what `decode` returns, or the Unreadable that it raises."""
    try:
        return decode(cell, form)
    except Unreadable as error:
        return error


class Header(NamedTuple):
    """What the header of an image file says: size in pixels, and whether the image is grey."""

    width: int
    height: int
    grey: bool


def header(cell: Any) -> Header | None:
    """Return the header of a cell of `image_rows`; None where it cannot be read."""
    try:
        source = _source(cell)
        if not isinstance(source, bytes) and not os.path.isfile(source):  # reading a named pipe might block for ever
            return None
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        kind = format_of(data)
        if kind is None:
            return None
        image = open_as(kind, data)
    except Exception:  # parsers of damaged files raise almost anything; decoding will report the file
        return None
    return Header(image.width, image.height, image.mode in _GREY)


class Tally:
    """The unreadable images of a split, and a limit on their share.

    `count` is how many there are of `rows` images; in a stream, whose size is unknown, both count what was read so far.
    """

    def __init__(self, dataset: str, split: str, rows: int, share: float = BAD_SHARE):
        self.dataset, self.split, self.rows, self.share = dataset, split, rows, share
        self.count = 0
        self._reasons: dict[str, str] = {}

    def add(self, row: str, reason: str) -> bool:
        """Count an unreadable image; return whether its row is new. Raises ValueError above the allowed share."""
        self.count += 1
        new = row not in self._reasons
        self._reasons.setdefault(row, reason)
        if self.count > self.share * self.rows:
            raise ValueError(
                f"data set {self.dataset!r}, split {self.split!r}: {self.count} of {self.rows} images cannot be read "
                f"({self.count / self.rows:.2%}, allowed are {self.share:.2%}): {self._first(_NAMED)}; mend them or "
                "allow a larger share"
            )
        return new

    def names(self) -> list[str]:
        """Return "row (reason)" for each unreadable image."""
        return [f"{row} ({reason})" for row, reason in self._reasons.items()]

    def sentence(self, fate: str) -> str:
        """Return a sentence about all unreadable images; `fate` says what became of them."""
        return (
            f"data set {self.dataset!r}, split {self.split!r}: {self.count} of {self.rows} images cannot be read, "
            f"{fate}: {self._first(_PRINTED)}"
        )

    def _first(self, num: int) -> str:
        names = self.names()
        return ", ".join(names[:num]) + (", ..." if len(names) > num else "")


class StreamTally(Tally):
    """The tally of a stream; the share is one of at least 1000 images, as it means little for fewer."""

    def __init__(self, dataset: str, split: str, share: float = BAD_SHARE):
        super().__init__(dataset, split, _FEWEST, share)
        self._read = 0

    def add_read(self) -> None:
        """Count an image, readable or not."""
        self._read += 1
        self.rows = max(_FEWEST, self._read)


_FEWEST = 1000
