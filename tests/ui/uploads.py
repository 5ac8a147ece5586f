"""Files that are no pictures, or not quite: made from a seed, of all the kinds in which uploads go wrong."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

SAVED: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 80},
    "WEBP": {"lossless": True},
    "AVIF": {"speed": 10},
    "GIF": {},
    "BMP": {},
    "TIFF": {"compression": "tiff_lzw"},
}

PNG = b"\x89PNG\r\n\x1a\n"

Make = Callable[[np.random.Generator], bytes]


def picture(rng: np.random.Generator, kind: str) -> bytes:
    width, height = rng.integers(9, 48, 2)
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(file, kind, **SAVED[kind])
    return file.getvalue()


def any_picture(rng: np.random.Generator) -> bytes:
    return picture(rng, str(rng.choice(list(SAVED))))


def cut_short(rng: np.random.Generator) -> bytes:
    data = any_picture(rng)
    return data[: int(rng.integers(1, max(2, int(0.6 * len(data)))))]


def flipped(rng: np.random.Generator) -> bytes:
    """Bytes here and there are others; a picture may survive that."""
    data = bytearray(any_picture(rng))
    for position in rng.integers(0, len(data), int(rng.integers(4, 40))):
        data[position] ^= int(rng.integers(1, 256))
    return bytes(data)


def beheaded(rng: np.random.Generator) -> bytes:
    data = any_picture(rng)
    return rng.bytes(16) + data[16:]


def spliced(rng: np.random.Generator) -> bytes:
    one, two = any_picture(rng), any_picture(rng)
    return one[: len(one) // 3] + two[len(two) // 3 :]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def lying(rng: np.random.Generator) -> bytes:
    """A small file that claims to be a large picture, or an impossible one."""
    width, height = (int(side) for side in rng.choice([0, 1, 7, 5000, 8193, 30000, 2**31 - 1], 2))
    depth, colour = int(rng.choice([1, 3, 8, 16, 255])), int(rng.choice([0, 2, 3, 6, 9]))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


def bomb(rng: np.random.Generator) -> bytes:
    """Few bytes that unpack to many."""
    side = int(rng.integers(5000, 8000))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(2**22), 9)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def other_file(rng: np.random.Generator) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../picture.png", rng.bytes(64))
    some = [
        b"",
        b"\0" * int(rng.integers(1, 4096)),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><img src=x onerror=alert(1)></html>",
        b"%PDF-1.7\n" + rng.bytes(200),
        b"\x80\x04\x95" + rng.bytes(100),
        b"GIF89a" + rng.bytes(40),
        b"RIFF" + struct.pack("<I", 2**31) + b"WEBPVP8L" + rng.bytes(60),
        b"II*\0" + struct.pack("<I", 8) + rng.bytes(120),
        b"MM\0*" + rng.bytes(200),
        b"BM" + rng.bytes(80),
        b"\xff\xd8\xff\xe0" + rng.bytes(150),
        b"\0\0\0\x1cftypavif" + rng.bytes(150),
        PNG + rng.bytes(100),
        "ein Bild, ehrlich 🖼".encode(),
        archive.getvalue(),
    ]
    return some[int(rng.integers(len(some)))]


def noise(rng: np.random.Generator) -> bytes:
    return rng.bytes(int(rng.integers(1, 20_000)))


KINDS: dict[str, Make] = {
    make.__name__: make for make in (cut_short, flipped, beheaded, spliced, lying, bomb, other_file, noise)
}


def malformed(number: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """(kind, bytes) of so many files, the kinds in turn."""
    kinds = list(KINDS.items())
    for index in range(number):
        name, make = kinds[index % len(kinds)]
        yield name, make(np.random.default_rng([seed, index]))
