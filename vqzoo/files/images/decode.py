"""Decode an image in this process."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vqzoo.files.images.bounds import DAMAGED, animated_gif, check, run_length_bmp
from vqzoo.files.images.colours import to_eight_bits, to_srgb
from vqzoo.files.images.exif import orientation
from vqzoo.files.images.formats import open_as
from vqzoo.files.images.limits import NAMES, ImageError, ImageLimits

GAP = 3
"""Factor by which a picture that is shrunk while it is decoded stays larger than requested.

Lanczos does the rest. Pillow's documentation calls the result indistinguishable from Lanczos alone from 3 on.
"""

_BYTES_PER_PIXEL = 10  # Pillow's four, and the conversion to NumPy
_BYTES_PER_PIXEL_REDUCED = 8  # Pillow's four, and a copy
_LARGE_PROFILE = 2**16
_IN_WORKER = {"TIFF", "AVIF", "HEIF", "PPM", "JPEG2000"}
_UNSUPPORTED = ("unknown pixel mode", "cannot handle", "unsupported", "Unsupported", "not supported")
_TIFF_ORIENTATION = 0x0112

# EXIF orientation -> operation that turns the stored pixels upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """Pixels of a picture, and notes on how they differ from the file.

    pixels: uint8 (h, w, 3), sRGB, upright; (h, w) if grey was requested.
    notes: one plain phrase for each change.
    """

    pixels: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """Options of `load_image`."""

    limits: ImageLimits
    longest: int | None = None
    shortest: int | None = None
    background: str = "white"
    grey: bool = False

    def scale(self, width: int, height: int) -> float:
        """Return the factor, at least 1, by which a picture may be reduced while it is decoded."""
        scale = 1.0
        if self.longest is not None:
            scale = max(width, height) / (GAP * self.longest)
        elif self.shortest is not None:
            scale = min(width, height) / (GAP * self.shortest)
        return max(1.0, scale)


class TooCostly(Exception):
    """A picture that only a process which can be killed should decode."""


def needs_worker(kind: str, data: bytes) -> bool:
    """Return whether the checks of `bounds` cannot limit the cost of decoding.

    This holds for formats of nested boxes and directories, most of them with several compressions, and for those whose
    pixels Pillow decodes in Python.
    """
    return kind in _IN_WORKER or (kind == "BMP" and run_length_bmp(data))


def decode(kind: str, data: bytes, request: Request, in_worker: bool = False) -> LoadedImage:
    """Return the picture in a file of format `kind`.

    Raises ImageError for any fault of the content, whatever the decoder raises, and, outside of a worker, TooCostly for
    a file whose cost shows only when it is opened.
    """
    try:
        return _decode(kind, data, request, in_worker)
    except (ImageError, TooCostly):
        raise
    except MemoryError as error:
        raise ImageError("The image needs too much memory to be decoded; shrink it first.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise request.limits.too_large("The image") from error
    except Exception as error:  # parsers and decoders raise almost anything for damaged files
        if isinstance(error, (SyntaxError, OSError, NotImplementedError)) and any(
            word in str(error) for word in _UNSUPPORTED
        ):
            raise ImageError(
                f"The file is of a kind of {NAMES[kind]} that cannot be read here; save it again as PNG."
            ) from error
        raise ImageError(DAMAGED) from error


def _decode(kind: str, data: bytes, request: Request, in_worker: bool) -> LoadedImage:
    limits = request.limits
    extra = check(kind, data, limits)
    image = open_as(kind, data)
    width, height = image.size
    limits.check_size(width, height)
    scale = request.scale(width, height)
    if kind == "JPEG" and scale >= 2:
        image.draft(None, (math.ceil(width / scale), math.ceil(height / scale)))
    each = _BYTES_PER_PIXEL if request.scale(*image.size) < 2 else _BYTES_PER_PIXEL_REDUCED
    limits.check_memory(width, height, extra + each * image.width * image.height)
    icc = image.info.get("icc_profile")
    if icc and len(icc) > _LARGE_PROFILE and not in_worker:
        raise TooCostly

    notes = []
    if animated_gif(data) if kind == "GIF" else getattr(image, "is_animated", False):
        notes.append("several frames: only the first is used")
    # Pillow rotates a TIFF while decoding and drops the tag, so the tag is read before.
    rotated = kind == "TIFF" and image.tag_v2.get(_TIFF_ORIENTATION) in _UPRIGHT  # type: ignore[attr-defined]
    truncated = image.mode == "RGB" and any(";16" in str(tile[3]) for tile in image.tile)  # type: ignore[attr-defined]
    image.load()
    if truncated:
        notes.append("16-bit values cut to their upper 8 bits")

    turn = 1 if kind == "TIFF" else orientation(image.info)
    image, depth_notes = to_eight_bits(image)
    if (factor := int(request.scale(*image.size))) > 1:
        image = image.reduce(factor)
    if turn in _UPRIGHT:
        image = image.transpose(_UPRIGHT[turn])
        rotated = True
    image, colour_notes = to_srgb(image, icc, request.background)
    if rotated:
        notes.append("turned upright as its EXIF orientation says")
    notes += depth_notes + colour_notes
    if request.longest is not None and max(width, height) > request.longest:
        image, note = shrink(image, (height, width) if turn > 4 else (width, height), request.longest)
        notes.append(note)
    mode = "L" if request.grey else "RGB"
    return LoadedImage(np.array(image if image.mode == mode else image.convert(mode)), tuple(notes))


def shrink(image: Image.Image, size: tuple[int, int], longest: int) -> tuple[Image.Image, str]:
    """Return the image with `longest` pixels on its longer side, and a note; `size` is the size in the file."""
    width, height = size
    scale = longest / max(width, height)
    smaller = max(1, round(width * scale)), max(1, round(height * scale))
    note = f"shrunk from {width} x {height} to {smaller[0]} x {smaller[1]} pixels"
    return image.resize(smaller, Image.Resampling.LANCZOS), note
