"""Load a picture that nobody has checked: one safe way in, which says what it did to the picture."""

import os
import stat

import numpy as np
from PIL import Image, ImageColor

from vqzoo.images.decode import LoadedImage, Request, TooCostly, decode, needs_worker, shrink
from vqzoo.images.formats import format_of
from vqzoo.images.limits import OWN_MACHINE, ImageError, ImageLimits
from vqzoo.images.worker import decode_in_worker
from vqzoo.ops.check import check_int

_LARGEST = 2**31 - 1


def load_image(
    source: str | os.PathLike | bytes,
    limits: ImageLimits = OWN_MACHINE,
    *,
    longest: int | None = None,
    shortest: int | None = None,
    background: str = "white",
    grey: bool = False,
) -> LoadedImage:
    """Return the picture in a file, or in the bytes of one, as opaque sRGB pixels of 8 bits.

    `longest`: shrink the picture so that no side has more pixels; it is never enlarged. `shortest`: the caller shrinks
    it itself, until the shorter side has so many pixels; a much larger picture may come back smaller than it is. Both
    save time and memory, as JPEG files can be decoded at a half, a quarter or an eighth of their size, and others are
    shrunk before anything else is done to them.

    `background`: what shows where the picture is transparent, a colour as `PIL.ImageColor` names it. Of an animation
    the first frame is taken. Numbers of 9 to 16 bits are scaled, floating-point numbers in [0, 1] as well.

    `grey`: return luminance (ITU-R 601), uint8 (h, w).

    Size limits are held against the header, before any pixel is decoded; a file that takes longer or more memory than
    `limits` allow is given up. Raises ImageError for every fault of the content, for what is no regular file, and for a
    HEIC picture where pillow-heif is not installed; a path that cannot be opened raises the OSError that `open` gives.
    """
    for name, value in (("longest", longest), ("shortest", shortest)):
        if value is not None:
            check_int(name, value, 1, _LARGEST)
    ImageColor.getrgb(background)
    data = _read(source, limits)
    kind = format_of(data)
    if kind is None or kind not in limits.formats:
        raise ImageError(f"The file cannot be read as an image; {limits.wanted()}.")
    request = Request(limits, longest, shortest, background, grey)
    if not needs_worker(kind, data):
        try:
            return decode(kind, data, request)
        except TooCostly:
            pass
    return decode_in_worker(kind, data, request)


def fit(pixels: np.ndarray, longest: int) -> tuple[np.ndarray, str | None]:
    """Shrink uint8 (h, w, 3) so that no side is over `longest` pixels, and say so; never enlarge."""
    check_int("longest", longest, 1, _LARGEST)
    height, width = pixels.shape[:2]
    if max(height, width) <= longest:
        return pixels, None
    image, note = shrink(Image.fromarray(pixels), (width, height), longest)
    return np.array(image), note


def _read(source: str | os.PathLike | bytes, limits: ImageLimits) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        mode = os.stat(source).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # to open one may wait for ever
            raise ImageError(f"This is {_kind_of(mode)}, and no file; {limits.wanted()}.")
        with open(source, "rb") as file:
            data = file.read(limits.bytes + 1)
    if not data:
        raise ImageError(f"The file is empty; {limits.wanted()}.")
    if len(data) > limits.bytes:
        raise ImageError(f"The file is over {limits.bytes // 2**20} MiB; send a smaller or a more compressed one.")
    return data


def _kind_of(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
