"""Read the orientation in EXIF data without decoding other entries.

Pillow copies the values of all entries when it reads one, and entries may overlap: a file of one megabyte can refer to
hundreds of gigabytes.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_ORIENTATION = 0x0112
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # bytes of a type
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def orientation(info: Mapping[Any, Any]) -> int:
    """Return the orientation, 1 to 8, from the EXIF or XMP data in Pillow's `Image.info`; 1 if there is none."""
    for entry in _entries(_exif(info)):
        if entry.tag == _ORIENTATION and entry.kind == 3:
            number = int(struct.unpack(entry.byte_order + "H", entry.value[:2])[0])
            return number if 1 <= number <= 8 else 1
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    match = _XMP.search(xmp.encode() if isinstance(xmp, str) else xmp)
    return int(match[1]) if match else 1


def claimed_bytes(exif: bytes) -> int:
    """Return the total size that the entries of the first directory state for their values."""
    return sum(min(entry.num_values * _SIZES.get(entry.kind, 1), len(exif)) for entry in _entries(exif))


class _Entry(NamedTuple):
    tag: int
    kind: int
    num_values: int
    value: bytes  # or its offset, where it is longer than four bytes
    byte_order: str


def _exif(info: Mapping[Any, Any]) -> bytes:
    exif: bytes | None = info.get("exif")
    if exif:
        return exif
    hexadecimal = info.get("Raw profile type exif")  # a text chunk of PNG, written by ImageMagick
    if hexadecimal is None:
        return b""
    try:
        return bytes.fromhex("".join(str(hexadecimal).split("\n")[3:]))
    except ValueError:
        return b""


def _entries(exif: bytes) -> Iterator[_Entry]:
    """Yield the entries of the first directory; none for damaged data."""
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
        yield _Entry(tag, kind, count, value, order)
