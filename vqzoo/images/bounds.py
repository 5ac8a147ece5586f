"""Bounds on a file's structure, checked before a decoder sees the file.

A decoder's time and memory have to follow from the number of pixels and bytes. These checks refuse what breaks that: a
JPEG file of a thousand scans, each of which passes over the whole picture; blocks that Pillow joins in quadratic time;
structures that it walks one byte at a time. No camera or program writes such files.
"""

import re
import struct

from vqzoo.images.exif import claimed_bytes
from vqzoo.images.limits import ImageError, ImageLimits

DAMAGED = "The image file is cut short or damaged; send the whole file again."

EXIF_BYTES = 2**26
"""Of the values that the entries of EXIF data name."""
GIF_HEAD = 2**20
"""Bytes of a GIF before its first image; animations have kilobytes, XMP of some editors a few hundred."""
GIF_BLOCKS = 2**13
"""Data blocks before the first image, and between the first and the second."""
GIF_IMAGE_BLOCKS = 2**20
JPEG_HEAD = 2**24
JPEG_JUNK = 2**16
"""Bytes between a JPEG's segments, which belong to nothing."""
JPEG_SEGMENTS = 1024
JPEG_SCANS = 256
"""Encoders write about ten; one for each bit of each coefficient would be under 250."""
JPEG_SCANNED = 2 * 10**9
"""Scans times pixels: about five seconds."""
PNG_CHUNKS = 2**17
"""Encoders that write the smallest blocks, of 4 KiB, put half a gigabyte into so many."""
PNG_TEXTS = 1024
"""Chunks that are not of the picture's data."""

_PICTURE_CHUNKS = (b"IDAT", b"fdAT", b"fcTL")
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
_EOI, _SOS, _APP1 = 0xD9, 0xDA, 0xE1
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame, of all kinds
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}


def check(kind: str, data: bytes, limits: ImageLimits) -> int:
    """Raise ImageError for a file that breaks a bound of its format; return the bytes that decoding needs besides the
    picture's pixels."""
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
        place, blocks = _skip(data, _first_image(data), GIF_IMAGE_BLOCKS)
        return _next_image(data, place) is not None
    except (ImageError, IndexError):
        return False


def run_length_bmp(data: bytes) -> bool:
    """Return whether a BMP is run-length encoded, which Pillow decodes in Python."""
    return len(data) >= 34 and data[30] in (1, 2)


def _unusual(what: str) -> ImageError:
    return ImageError(f"The file has {what}, more than any picture needs; save it again with another program.")


def _check_png(data: bytes) -> None:
    place, chunks, others = 8, 0, 0
    while place + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        kind = data[place + 4 : place + 8]
        if kind == b"IEND":
            return
        chunks += 1
        others += kind not in _PICTURE_CHUNKS
        if chunks > PNG_CHUNKS or others > PNG_TEXTS:
            raise _unusual(f"over {PNG_TEXTS if others > PNG_TEXTS else PNG_CHUNKS} chunks")
        place += 12 + length


def _check_jpeg(data: bytes) -> int:
    place = junk = segments = scans = coefficients = pixels = 0
    progressive = False
    exif = b""
    while (marker := _MARKER.search(data, place)) is not None:
        kind = marker[1][0]
        if not scans:
            junk += marker.end() - 2 - place
            if marker.end() > JPEG_HEAD or junk > JPEG_JUNK:
                raise _unusual("megabytes before its first scan")
        place = marker.end()
        if kind == _EOI:
            break
        if kind in (0x01, 0xD8) or place + 2 > len(data):  # without a length
            continue
        segments += 1
        length = int.from_bytes(data[place : place + 2], "big")
        if kind == _SOS:
            scans += 1
        elif kind in _FRAMES and length >= 8:
            progressive |= kind in _PROGRESSIVE
            height, width, parts = struct.unpack_from(">HHB", data[place + 3 : place + 8].ljust(5, b"\0"))
            pixels = max(pixels, width * height)
            coefficients = max(coefficients, 2 * _samples(data[place + 8 : place + length], width * height, parts))
        elif kind == _APP1 and data.startswith(b"Exif\0\0", place + 2):
            exif += data[place + (8 if exif else 2) : place + length]
            if len(exif) > JPEG_JUNK * 16:
                raise _unusual("over a megabyte of EXIF data")
        if segments > JPEG_SEGMENTS:
            raise _unusual(f"over {JPEG_SEGMENTS} segments")
        if scans > JPEG_SCANS or (scans > 1 and scans * pixels > JPEG_SCANNED):
            raise _unusual(f"{scans} scans or more")
        place += length
    if claimed_bytes(exif) > EXIF_BYTES:  # Pillow reads those of a JPEG when it opens the file
        raise _unusual("EXIF entries that overlap")
    return coefficients if progressive or scans > 1 else 0


def _samples(components: bytes, pixels: int, number: int) -> int:
    """The samples of all components, each three bytes: name, sampling factors, table."""
    factors = [(each >> 4, each & 15) for each in components[1 : 3 * number : 3]]
    widest, tallest = (max((each[axis] for each in factors), default=1) or 1 for axis in (0, 1))
    return sum(pixels * across * down // (widest * tallest) for across, down in factors)


def _check_webp(data: bytes, limits: ImageLimits) -> int:
    """Sizes are checked here, as the decoder takes memory for the whole canvas when the file is opened."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise ImageError(DAMAGED)
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(body[place : place + 3], "little") for place in (4, 7))
    elif kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (each & 0x3FFF for each in struct.unpack_from("<HH", body, 6))
    limits.check_size(width, height)
    canvases = 12 * width * height  # two of four bytes a pixel, and their copy
    limits.check_memory(width, height, canvases)
    return canvases


def _first_image(data: bytes) -> int:
    """Return where the data blocks of a GIF's first image begin."""
    if len(data) < 13:
        raise ImageError(DAMAGED)
    place = 13 + (3 << (data[10] & 7) + 1 if data[10] & 128 else 0)
    try:
        found = _next_image(data, place)
        if found is None:
            raise ImageError(DAMAGED)
        flags = data[found + 9]
    except IndexError:
        raise ImageError(DAMAGED) from None
    if found - place > GIF_HEAD:
        raise _unusual("megabytes of comments before its first image")
    return found + 10 + (3 << (flags & 7) + 1 if flags & 128 else 0) + 1


def _next_image(data: bytes, place: int) -> int | None:
    """Return where the next image descriptor is, None where the file ends before it."""
    blocks = GIF_BLOCKS
    while place < len(data) and data[place] != 0x3B:
        if data[place] == 0x2C:
            return place
        extension = data[place] == 0x21
        place, taken = _skip(data, place + 2, blocks) if extension else (place + 1, 1)
        blocks -= taken
        if blocks <= 0:
            raise _unusual("thousands of blocks of comments before an image")
    return None


def _skip(data: bytes, place: int, most: int) -> tuple[int, int]:
    """Return where the data blocks at `place` end, and how many they are; at most `most` are passed over."""
    number = 0
    while data[place] and number < most:
        place += 1 + data[place]
        number += 1
    return place + 1, number + 1
