"""The header of a .vqz file, checked before anything else is read; torch is not needed. docs/vqz.md has the format."""

import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqzoo.files.images import SPACE
from vqzoo.files.storage import check_size

SUFFIX = ".vqz"
MAGIC = b"\x89vqz"
VERSION = 1
FILE_LIMIT = 64 * 2**20
"""Largest file, in bytes, that is read."""
PIXELS, SIDE = SPACE.pixels, SPACE.side
"""Largest picture that a file may hold."""
MODELS = ("even", "usage", "neighbours")
"""Models of the symbols by their number in the header."""

_NAME = re.compile(r"[A-Za-z0-9._/-]{1,255}")
_FIXED = struct.Struct("<4sBBBIHH32sB")  # magic, version, model, levels, tables, height, width, weights, length of name
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True)
class Header:
    """What a file says about itself.

    name: that of the tokenizer. weights: SHA-256 of its model.safetensors, in hexadecimal. size: height and width of
    the picture. levels: how many levels of a residual quantizer are in the file, 0 for all that the tokenizer has.
    model: one of `MODELS`. tables: CRC-32 of what that model ships with, 0 for "even".
    """

    name: str
    weights: str
    size: tuple[int, int]
    levels: int
    model: str
    tables: int

    def pack(self) -> bytes:
        """Return the header as bytes."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name={self.name!r}: expected 1 to 255 letters, digits, '.', '_', '-' and '/'")
        name = self.name.encode()
        model, weights = MODELS.index(self.model), bytes.fromhex(self.weights)
        height, width = self.size
        check_pixels(height, width)
        fixed = _FIXED.pack(MAGIC, VERSION, model, self.levels, self.tables, height, width, weights, len(name))
        return fixed + name


def check_pixels(height: int, width: int) -> None:
    """Raise ValueError for a picture that no file may hold."""
    if not (1 <= min(height, width) and max(height, width) <= SIDE and height * width <= PIXELS):
        raise ValueError(
            f"a picture of {width} x {height} pixels: a {SUFFIX} file holds at most {PIXELS // 10**6} megapixels and "
            f"{SIDE} pixels a side"
        )


def seal(header: Header, payload: bytes) -> bytes:
    """Return a file: the header, the symbols, and the checksum of both."""
    body = header.pack() + payload
    return body + _CHECKSUM.pack(zlib.crc32(body))


def unseal(data: bytes) -> tuple[Header, bytes]:
    """Return the header and the symbols of a file; a ValueError says in a sentence why it cannot be read."""
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError(f"this is no {SUFFIX} file: it does not begin as one")
    if len(data) > len(MAGIC) and data[len(MAGIC)] != VERSION:
        raise ValueError(
            f"the file has version {data[len(MAGIC)]} of the format, or is damaged; this version of vqzoo reads "
            f"version {VERSION}"
        )
    body, checksum = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
    if len(body) < _FIXED.size or _CHECKSUM.pack(zlib.crc32(body)) != checksum:
        raise ValueError("the file is damaged: it was cut short or changed, as its checksum tells")
    _, _, model, levels, tables, height, width, weights, length = _FIXED.unpack_from(body)
    name = body[_FIXED.size : _FIXED.size + length]
    payload = body[_FIXED.size + length :]
    text = name.decode("ascii", "replace")
    if model >= len(MODELS) or len(name) < length or not _NAME.fullmatch(text) or len(payload) % 4:
        raise ValueError("the file is damaged: its header makes no sense")
    check_pixels(height, width)
    return Header(text, weights.hex(), (height, width), levels, MODELS[model], tables), payload


def facts(data: bytes) -> dict[str, Any]:
    """Return what `vqzoo info` tells of a file; ValueError for a damaged one."""
    header, payload = unseal(data)
    height, width = header.size
    return {
        "tokenizer": header.name,
        "weights_sha256": header.weights,
        "width": width,
        "height": height,
        "levels": header.levels or None,
        "symbols": header.model,
        "bytes": len(data),
        "header_bytes": len(data) - len(payload),
        "bits_per_pixel": 8 * len(data) / (width * height),
    }


def read_file(path: Path) -> bytes:
    """Return the content of a file; ValueError for a larger one than any picture needs."""
    check_size(path.name, path.stat().st_size, FILE_LIMIT)
    return path.read_bytes()
