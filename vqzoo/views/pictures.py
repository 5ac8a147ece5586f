"""Pictures side by side: the value of the component `viewer`."""

import base64
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

_MOST = 16383  # pixels of a side of a WebP file


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of the viewer: a name, uint8 pixels (h, w, 3), a caption of metrics, and a tooltip of the name."""

    name: str
    pixels: np.ndarray
    caption: str = ""
    tip: str = ""

    @cached_property
    def uri(self) -> str:
        """A data URI of the pixels as a lossless file, encoded once."""
        kind, file = ("webp", webp(self.pixels)) if max(self.pixels.shape) <= _MOST else ("png", png(self.pixels))
        return f"data:image/{kind};base64," + base64.b64encode(file).decode()


@dataclass(frozen=True, eq=False)
class Difference:
    """The absolute difference of two pictures that come earlier in the viewer, drawn on the scale of the errors."""

    name: str
    one: Picture
    two: Picture

    @property
    def caption(self) -> str:
        """The mean and the largest difference over all bytes."""
        difference = np.abs(self.one.pixels.astype(np.int16) - self.two.pixels)
        return f"mean {difference.mean():.2f} / 255 · at most {difference.max()}"


def png(pixels: np.ndarray) -> bytes:
    """Return the PNG file of uint8 pixels (h, w, 3), compressed quickly rather than best."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()


def webp(pixels: np.ndarray) -> bytes:
    """Return the lossless WebP file of uint8 pixels (h, w, 3) of at most 16,383 a side, compressed quickly.

    It takes half the time of a PNG file, and other threads go on meanwhile.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, quality=0, method=0, exact=True)
    return file.getvalue()


def viewer_value(pictures: Sequence[Picture | Difference], note: str = "") -> dict[str, Any]:
    """Return the value of the viewer: pictures of one size, with errors measured against the first."""
    return {"pictures": [_shown(each, pictures) for each in pictures], "note": note}


def _shown(each: Picture | Difference, pictures: Sequence[Picture | Difference]) -> dict[str, Any]:
    if isinstance(each, Picture):
        tip = {"tip": each.tip} if each.tip else {}
        return {"name": each.name, "caption": each.caption, "uri": each.uri} | tip
    return {"name": each.name, "caption": each.caption, "of": [pictures.index(each.one), pictures.index(each.two)]}
