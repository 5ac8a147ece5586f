"""The orientation that EXIF data state, read without decoding any other entry.

Pillow copies the values of all entries when it reads one, and entries may overlap: a file of one megabyte can name
hundreds of gigabytes.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any

_ORIENTATION = 0x0112
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # bytes of a type
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def orientation(info: Mapping[Any, Any]) -> int:
    """Return the orientation, 1 to 8, of what Pillow calls an image's `info`: its EXIF data, else its XMP; else 1."""
    for tag, kind, _, value, order in _entries(_exif(info)):
        if tag == _ORIENTATION and kind == 3:
            number = int(struct.unpack(order + "H", value[:2])[0])
            return number if 1 <= number <= 8 else 1
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    found = _XMP.search(xmp.encode() if isinstance(xmp, str) else xmp)
    return int(found[1]) if found else 1


def claimed_bytes(exif: bytes) -> int:
    """Return how many bytes the values of the first directory's entries have, as the entries state it."""
    return sum(min(count * _SIZES.get(kind, 1), len(exif)) for _, kind, count, _, _ in _entries(exif))


def _exif(info: Mapping[Any, Any]) -> bytes:
    if exif := info.get("exif"):
        return exif
    hexadecimal = info.get("Raw profile type exif")  # a text chunk of PNG, written by ImageMagick
    if hexadecimal is None:
        return b""
    try:
        return bytes.fromhex("".join(str(hexadecimal).split("\n")[3:]))
    except ValueError:
        return b""


def _entries(exif: bytes) -> Iterator[tuple[int, int, int, bytes, str]]:
    """Yield (tag, type, count, value or offset, byte order) of the first directory; nothing of damaged data."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 10:
        return
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return
    (number,) = struct.unpack_from(order + "H", exif, start)
    table = exif[start + 2 : start + 2 + 12 * number]
    for tag, kind, count, value in struct.iter_unpack(order + "HHI4s", table[: len(table) // 12 * 12]):
        yield tag, kind, count, value, order
