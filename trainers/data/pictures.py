"""From encoded images to uint8 squares, and the tally of those that cannot be read."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from datasets.utils.file_utils import is_local_path, xopen
from PIL import Image, ImageOps

from trainers.data.loading import BAD_SHARE, Fit
from vqzoo.images import OWN_MACHINE, ImageError, load_image
from vqzoo.images.formats import format_of, open_as

_LIMITS = replace(OWN_MACHINE, min_side=1)
_GREY = {"1", "L", "LA", "La", "F", "I", "I;16", "I;16B", "I;16L"}
_NAMED = 5
_PRINTED = 20

Item = TypeVar("Item")
Result = TypeVar("Result")


class Unreadable(ValueError):
    """An image that cannot be decoded; says why."""


@dataclass(frozen=True)
class Form:
    """Shape that every image of a data set is brought into: a square of `resolution` pixels with so many channels.

    fit: what is done to an image that is no square. "crop" leaves its centre, "pad" puts black beside it, "squash"
    changes its proportions.
    """

    resolution: int
    channels: int
    fit: Fit = "crop"


def decode(cell: Any, form: Form) -> np.ndarray:
    """Return (channels, resolution, resolution) uint8 of one cell of `image_rows`, bytes or a path.

    Pixels are those that the app shows (`vqzoo.images.load_image`), grey ones their luminance. Images of another size
    are resized (Lanczos) as `form.fit` says; those that are much larger are shrunk while they are decoded. Raises
    Unreadable.
    """
    side = form.resolution
    longest, shortest = (side, None) if form.fit == "pad" else (None, side)
    pixels = _load(cell, form.channels, longest, shortest)
    if pixels.shape[:2] != (side, side):
        pixels = np.asarray(_FITS[form.fit](Image.fromarray(pixels), (side, side)))
    return np.ascontiguousarray(pixels.reshape(side, side, form.channels).transpose(2, 0, 1))


def read_pixels(cell: Any, channels: int, longest: int) -> np.ndarray:
    """Return (channels, height, width) uint8 of one cell of `image_rows` at its own size.

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
    """Return a path on this machine, or the bytes of an image, which may be inside an archive or elsewhere."""
    content, path = (cell["bytes"], cell["path"]) if isinstance(cell, dict) else (None, None)
    if content is not None or path is None:
        return content or b""
    if is_local_path(path):
        return path
    with xopen(path, "rb") as file:
        return file.read(_LIMITS.bytes + 1)


def attempt(cell: Any, form: Form) -> np.ndarray | Unreadable:
    """As `decode`, but what it would raise is given back."""
    try:
        return decode(cell, form)
    except Unreadable as error:
        return error


def header(cell: Any) -> tuple[int, int, bool] | None:
    """Return width, height and whether it is grey of one cell of `image_rows`, from the file's header; None without."""
    try:
        source = _source(cell)
        if not isinstance(source, bytes) and not os.path.isfile(source):  # to read a pipe may never end
            return None
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        kind = format_of(data)
        if kind is None:
            return None
        image = open_as(kind, data)
    except Exception:  # a damaged file makes parsers raise almost anything; the trainer tells of it when it decodes it
        return None
    return image.width, image.height, image.mode in _GREY


def ahead(
    function: Callable[[Item], Result], items: Iterable[Item], depth: int, threads: int | None = None
) -> Generator[Result, None, None]:
    """`function` of each item, in order, computed by threads up to `depth` items ahead of the consumer.

    `items` is drawn from in the consumer's thread; what drawing raises comes out at once, what `function` raises where
    its result would have.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class Tally:
    """The images of a split that could not be read, and whether there are too many of them.

    `rows` is the split's size; in a stream, of which no size is known, `rows` and `count` are of what has been read.
    """

    def __init__(self, dataset: str, split: str, rows: int, share: float = BAD_SHARE):
        self.dataset, self.split, self.rows, self.share = dataset, split, rows, share
        self.count = 0
        self._reasons: dict[str, str] = {}

    def add(self, row: str, reason: str) -> bool:
        """One more; whether this row is new. Raises ValueError where it is one too many."""
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
        """Which rows, and why, as a sentence's parts."""
        return [f"{row} ({reason})" for row, reason in self._reasons.items()]

    def sentence(self, fate: str) -> str:
        """All that is known, on one line."""
        return (
            f"data set {self.dataset!r}, split {self.split!r}: {self.count} of {self.rows} images cannot be read, "
            f"{fate}: {self._first(_PRINTED)}"
        )

    def _first(self, num: int) -> str:
        names = self.names()
        return ", ".join(names[:num]) + (", ..." if len(names) > num else "")


class StreamTally(Tally):
    """Of images that come one after the other: `rows` counts them. A share means nothing before a thousand of them."""

    def __init__(self, dataset: str, split: str, share: float = BAD_SHARE):
        super().__init__(dataset, split, _THOUSAND, share)
        self._seen = 0

    def see(self) -> None:
        """One more image was read, or was to be."""
        self._seen += 1
        self.rows = max(_THOUSAND, self._seen)


_THOUSAND = 1000
