"""Load an untrusted image file safely, with notes on what was changed."""

import os
import stat

import numpy as np
from PIL import Image, ImageColor

from vqzoo.files.images.decode import LoadedImage, Request, TooCostly, decode, needs_worker, shrink
from vqzoo.files.images.formats import format_of
from vqzoo.files.images.limits import OWN_MACHINE, ImageError, ImageLimits
from vqzoo.files.images.worker import decode_in_worker
from vqzoo.ops.check import check_int

_LARGEST = 2**31 - 1


def load_image(
    source: str | os.PathLike[str] | bytes,
    limits: ImageLimits = OWN_MACHINE,
    *,
    longest: int | None = None,
    shortest: int | None = None,
    background: str = "white",
    grey: bool = False,
) -> LoadedImage:
    """Return the picture in a file, or in the bytes of one, as opaque sRGB pixels of 8 bits.

    Args:
        source: Path of a file, or its contents.
        limits: Limits on size and cost. Sizes are checked against the header before any pixel is decoded, and decoding
            stops where it takes more time or memory.
        longest: Shrink the picture so that no side has more pixels; it is never enlarged.
        shortest: Promise that the caller shrinks the shorter side to this many pixels, so that a much larger picture
            may be returned smaller than it is. Like `longest` this saves time and memory: a JPEG can be decoded at 1/2,
            1/4 or 1/8 of its size, and other formats are shrunk before anything else.
        background: Colour that replaces transparency, as `PIL.ImageColor` names it.
        grey: Return luminance (ITU-R 601), uint8 (h, w), in place of RGB.

    Of an animation the first frame is taken. Integers of 9 to 16 bits are scaled to 8, and so are floating-point
    numbers in [0, 1].

    Raises:
        ImageError: If the content is faulty or not allowed, the path is no regular file, or a HEIC picture needs
            pillow-heif, which is not installed.
        OSError: If the path cannot be opened.
    """
    for name, value in (("longest", longest), ("shortest", shortest)):
        if value is not None:
            check_int(name, value, 1, _LARGEST)
    ImageColor.getrgb(background)
    data = _read(source, limits)
    kind = format_of(data)
    if kind is None or kind not in limits.formats:
        raise ImageError(f"The file cannot be read as an image; {limits.accepted_formats()}.")
    request = Request(limits, longest, shortest, background, grey)
    if not needs_worker(kind, data):
        try:
            return decode(kind, data, request)
        except TooCostly:
            pass
    return decode_in_worker(kind, data, request)


def fit(pixels: np.ndarray, longest: int) -> tuple[np.ndarray, str | None]:
    """Return uint8 (h, w, 3), shrunk so that no side is over `longest` pixels, and a note if that changed it."""
    check_int("longest", longest, 1, _LARGEST)
    height, width = pixels.shape[:2]
    if max(height, width) <= longest:
        return pixels, None
    image, note = shrink(Image.fromarray(pixels), (width, height), longest)
    return np.array(image), note


def _read(source: str | os.PathLike[str] | bytes, limits: ImageLimits) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        mode = os.stat(source).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening one may block for ever
            raise ImageError(f"This is {_kind_of(mode)}, and no file; {limits.accepted_formats()}.")
        with open(source, "rb") as file:
            data = file.read(limits.bytes + 1)
    if not data:
        raise ImageError(f"The file is empty; {limits.accepted_formats()}.")
    if len(data) > limits.bytes:
        raise ImageError(f"The file is over {limits.bytes // 2**20} MiB; send a smaller or a more compressed one.")
    return data


def _kind_of(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
