"""Limits on a file's structure, checked before a decoder sees the file.

A decoder's time and memory should follow from the number of pixels and bytes. These checks refuse files that break
this: a JPEG of a thousand scans, each of which passes over the whole image; blocks that Pillow joins in quadratic time;
structures that it walks byte by byte. No camera or program writes such files.
"""

import re
import struct

from vqzoo.files.images.exif import claimed_bytes
from vqzoo.files.images.limits import ImageError, ImageLimits

DAMAGED = "The image file is cut short or damaged; send the whole file again."

EXIF_BYTES = 2**26
"""Total size of the values that EXIF entries refer to."""
GIF_HEAD = 2**20
"""Bytes of a GIF before its first image; animations have kilobytes, XMP of some editors a few hundred."""
GIF_BLOCKS = 2**13
"""Data blocks before the first image, and between the first and the second."""
GIF_IMAGE_BLOCKS = 2**20
JPEG_HEAD = 2**24
JPEG_JUNK = 2**16
"""Bytes between a JPEG's segments that belong to none."""
JPEG_SEGMENTS = 1024
JPEG_SCANS = 256
"""Encoders write about ten; one for each bit of each coefficient would be under 250."""
JPEG_SCANNED = 2 * 10**9
"""Scans times pixels: about five seconds."""
PNG_CHUNKS = 2**17
"""Encoders with the smallest chunks, of 4 KiB, need this many for half a gigabyte."""
PNG_TEXTS = 1024
"""Chunks other than image data."""

_PICTURE_CHUNKS = (b"IDAT", b"fdAT", b"fcTL")
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
_EOI, _SOS, _APP1 = 0xD9, 0xDA, 0xE1
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame, of all kinds
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}


def check(kind: str, data: bytes, limits: ImageLimits) -> int:
    """Return the bytes that decoding needs in addition to the image's pixels.

    Raises ImageError for a file that exceeds a limit of its format.
    """
    if kind == "PNG":
        _check_png(data)
    elif kind == "JPEG":
        return _check_jpeg(data)
    elif kind == "GIF":
        _first_image(data)
    elif kind == "WEBP":
        return _check_webp(data, limits)
    return 0


def animated_gif(data: bytes) -> bool:
    """Return whether a GIF that `check` passed has a second image."""
    try:
        offset, blocks = _skip(data, _first_image(data), GIF_IMAGE_BLOCKS)
        return _next_image(data, offset) is not None
    except (ImageError, IndexError):
        return False


def run_length_bmp(data: bytes) -> bool:
    """Return whether a BMP is run-length encoded, which Pillow decodes in Python."""
    return len(data) >= 34 and data[30] in (1, 2)


def _unusual(what: str) -> ImageError:
    return ImageError(f"The file has {what}, more than any picture needs; save it again with another program.")


def _check_png(data: bytes) -> None:
    offset, chunks, others = 8, 0, 0
    while offset + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, offset)
        kind = data[offset + 4 : offset + 8]
        if kind == b"IEND":
            return
        chunks += 1
        others += kind not in _PICTURE_CHUNKS
        if chunks > PNG_CHUNKS or others > PNG_TEXTS:
            raise _unusual(f"over {PNG_TEXTS if others > PNG_TEXTS else PNG_CHUNKS} chunks")
        offset += 12 + length


def _check_jpeg(data: bytes) -> int:
    offset = junk = segments = scans = coefficients = pixels = 0
    progressive = False
    exif = b""
    while (marker := _MARKER.search(data, offset)) is not None:
        kind = marker[1][0]
        if not scans:
            junk += marker.end() - 2 - offset
            if marker.end() > JPEG_HEAD or junk > JPEG_JUNK:
                raise _unusual("megabytes before its first scan")
        offset = marker.end()
        if kind == _EOI:
            break
        if kind in (0x01, 0xD8) or offset + 2 > len(data):  # without a length
            continue
        segments += 1
        length = int.from_bytes(data[offset : offset + 2], "big")
        if kind == _SOS:
            scans += 1
        elif kind in _FRAMES and length >= 8:
            progressive |= kind in _PROGRESSIVE
            height, width, parts = struct.unpack_from(">HHB", data[offset + 3 : offset + 8].ljust(5, b"\0"))
            pixels = max(pixels, width * height)
            coefficients = max(coefficients, 2 * _samples(data[offset + 8 : offset + length], width * height, parts))
        elif kind == _APP1 and data.startswith(b"Exif\0\0", offset + 2):
            exif += data[offset + (8 if exif else 2) : offset + length]
            if len(exif) > JPEG_JUNK * 16:
                raise _unusual("over a megabyte of EXIF data")
        if segments > JPEG_SEGMENTS:
            raise _unusual(f"over {JPEG_SEGMENTS} segments")
        if scans > JPEG_SCANS or (scans > 1 and scans * pixels > JPEG_SCANNED):
            raise _unusual(f"{scans} scans or more")
        offset += length
    if claimed_bytes(exif) > EXIF_BYTES:  # Pillow reads those of a JPEG when it opens the file
        raise _unusual("EXIF entries that overlap")
    return coefficients if progressive or scans > 1 else 0


def _samples(components: bytes, pixels: int, number: int) -> int:
    """Return the samples of all components; each has three bytes: name, sampling factors, table."""
    factors = [(each >> 4, each & 15) for each in components[1 : 3 * number : 3]]
    widest, tallest = (max((each[axis] for each in factors), default=1) or 1 for axis in (0, 1))
    return sum(pixels * across * down // (widest * tallest) for across, down in factors)


def _check_webp(data: bytes, limits: ImageLimits) -> int:
    """Check the size and return the decoder's memory: it allocates the whole canvas when the file is opened."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise ImageError(DAMAGED)
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(body[offset : offset + 3], "little") for offset in (4, 7))
    elif kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (each & 0x3FFF for each in struct.unpack_from("<HH", body, 6))
    limits.check_size(width, height)
    canvases = 12 * width * height  # two canvases of four bytes a pixel, and a copy
    limits.check_memory(width, height, canvases)
    return canvases


def _first_image(data: bytes) -> int:
    """Return the offset of the data blocks of a GIF's first image."""
    if len(data) < 13:
        raise ImageError(DAMAGED)
    offset = 13 + (3 << (data[10] & 7) + 1 if data[10] & 128 else 0)
    try:
        image = _next_image(data, offset)
        if image is None:
            raise ImageError(DAMAGED)
        flags = data[image + 9]
    except IndexError:
        raise ImageError(DAMAGED) from None
    if image - offset > GIF_HEAD:
        raise _unusual("megabytes of comments before its first image")
    return image + 10 + (3 << (flags & 7) + 1 if flags & 128 else 0) + 1


def _next_image(data: bytes, offset: int) -> int | None:
    """Return the offset of the next image descriptor, or None if the file ends before one."""
    blocks = GIF_BLOCKS
    while offset < len(data) and data[offset] != 0x3B:
        if data[offset] == 0x2C:
            return offset
        extension = data[offset] == 0x21
        offset, taken = _skip(data, offset + 2, blocks) if extension else (offset + 1, 1)
        blocks -= taken
        if blocks <= 0:
            raise _unusual("thousands of blocks of comments before an image")
    return None


def _skip(data: bytes, offset: int, most: int) -> tuple[int, int]:
    """Return the offset behind the data blocks at `offset` and their number; skip at most `most` blocks."""
    number = 0
    while data[offset] and number < most:
        offset += 1 + data[offset]
        number += 1
    return offset + 1, number + 1
