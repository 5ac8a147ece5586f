"""Hostile picture files: small, made from a seed, each aimed at one way in which a decoder takes too long or breaks."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

FORMATS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 80},
    "JPEG progressive": {"quality": 80, "progressive": True},
    "WEBP": {"quality": 80},
    "WEBP lossless": {"lossless": True},
    "AVIF": {"speed": 10},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    "TIFF lzw": {"compression": "tiff_lzw"},
    "TIFF jpeg": {"compression": "jpeg"},
    "PPM": {},
    "JPEG2000": {},
}
"""Pictures to mutate: format, what sets one apart from others of its format, and how Pillow saves it."""


def saved(image: Image.Image, kind: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind.split()[0], **settings)
    return file.getvalue()


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def seeds() -> dict[str, bytes]:
    """A small picture in each of `FORMATS`, with EXIF data where the format takes them."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    extra = {"exif": exif.tobytes()}
    return {
        kind: saved(noise(33, 21), kind, **settings, **({} if kind[:3] in ("GIF", "BMP", "PPM") else extra))
        for kind, settings in FORMATS.items()
    }


def mutated(data: bytes, seed: int) -> bytes:
    """Change, cut, repeat, insert or move bytes here and there, mostly in the first hundred."""
    rng = np.random.default_rng(seed)
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        far = len(out) if rng.random() < 0.4 else min(len(out), 120)
        position = int(rng.integers(0, max(1, far)))
        length = int(rng.integers(1, 9))
        kind = int(rng.integers(7))
        if kind == 0 and position < len(out):
            out[position] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            out[position : position + length] = rng.bytes(length)
        elif kind == 2:
            out[position : position + length] = bytes([int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))]) * length
        elif kind == 3:
            del out[position : position + length]
        elif kind == 4:
            out[position:position] = out[position : position + 8 * length]
        elif kind == 5:
            del out[len(out) - int(rng.integers(0, max(1, len(out) // 2))) :]
        else:
            other = int(rng.integers(0, max(1, len(out))))
            out[position : position + length] = out[other : other + length]
    return bytes(out)


# Of 5,200 mutations, 400 a format, one seed for each way in which they end: where in Pillow or here what error is
# raised, or with which notes the picture is read. `tests/hostile/find.py` made the table.
CORPUS: dict[str, tuple[int, ...]] = {
    "PNG": (0, 1, 2, 4, 8, 14, 51, 182, 214, 316),
    "JPEG": (1, 2, 3, 6, 8, 9, 20, 25, 67, 314, 355),
    "WEBP": (1, 5, 22, 41, 46, 66),
    "AVIF": (1, 10, 12, 14, 106, 132, 218),
    "GIF": (1, 2, 3, 9, 11),
    "BMP": (1, 5, 6, 7, 10, 30, 32, 66, 177),
    "TIFF": (1, 4, 7, 12, 14, 39, 54, 77),
    "TIFF lzw": (8,),
    "PPM": (1, 4, 6, 15, 40, 89),
    "JPEG2000": (1, 3, 5, 18, 19, 21, 27, 193),
}


def corpus() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the mutations in `CORPUS`."""
    originals = seeds()
    for kind, numbers in CORPUS.items():
        for number in numbers:
            yield f"{kind} {number}", mutated(originals[kind], number)


def gif_of_comments(size: int, after_first: bool = False) -> bytes:
    """A GIF with `size` bytes of comments before its first image, or behind it. Pillow joins them in quadratic time."""
    data = saved(noise(16, 16).convert("P"), "GIF")
    start = data.index(b",", 13 + 768)
    block = b"\xff" + b"c" * 255
    comment = b"!\xfe" + block * (size // len(block)) + b"\0"
    position = len(data) - 1 if after_first else start
    return data[:position] + comment + data[position:]


def gif_of_empty_extensions(number: int) -> bytes:
    """A GIF with so many extensions of no data before its first image."""
    data = saved(noise(16, 16).convert("P"), "GIF")
    start = data.index(b",", 13 + 768)
    return data[:start] + b"!\xfe\0" * number + data[start:]


def jpeg_of_scans(number: int, side: int = 64) -> bytes:
    """A progressive JPEG whose last scan comes `number` times: each makes the decoder pass over the whole picture."""
    data = saved(Image.new("RGB", (side, side), (90, 120, 30)), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * number + data[-2:]


def jpeg_with_hidden_scans(number: int) -> bytes:
    """The same, behind a segment that holds what looks like the end of the picture."""
    data = jpeg_of_scans(number)
    position = data.rindex(b"\xff\xda", 0, data.index(b"\xff\xda") + 400)
    return data[:position] + b"\xff\xe9\0\x06\xff\xd9\xff\xd9" + data[position:]


def jpeg_of_segments(number: int, body: bytes = b"") -> bytes:
    """A JPEG with so many application segments before its picture."""
    data = saved(noise(16, 16), "JPEG")
    return data[:2] + (b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body) * number + data[2:]


def jpeg_of_padding(size: int, byte: bytes = b"\xff") -> bytes:
    """A JPEG with `size` bytes between two segments, which Pillow passes over one by one."""
    data = saved(noise(16, 16), "JPEG")
    return data[:2] + byte * size + data[2:]


def overlapping_exif(size: int) -> bytes:
    """EXIF data whose entries are all of the same `size` bytes: Pillow copies them for each."""
    number = min(size // 12, 65535)
    entries = b"".join(struct.pack("<HHII", 0x8000 + tag & 0xFFFF, 1, size, 0) for tag in range(number))
    return (b"II*\0" + struct.pack("<IH", 8, number) + entries).ljust(size, b"\0")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_chunks(number: int, kind: bytes = b"tEXt", body: bytes = b"a\0b") -> bytes:
    """A PNG with so many chunks before its picture."""
    data = saved(noise(16, 16), "PNG")
    return data[:33] + png_chunk(kind, body) * number + data[33:]


def png_with_exif(exif: bytes) -> bytes:
    data = saved(noise(16, 16), "PNG")
    return data[:33] + png_chunk(b"eXIf", exif) + data[33:]


def tiff_of_strips(number: int) -> bytes:
    """An uncompressed grey TIFF of one row a strip: Pillow makes an object for each and decodes them one by one."""
    width, rows = 8, number
    head = 8
    tags = [
        (256, 4, 1, width), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, number, 0), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, number, 0),
    ]  # fmt: skip
    offsets = head + 2 + 12 * len(tags) + 4
    counts = offsets + 4 * number
    pixels = counts + 4 * number
    entries = b"".join(
        struct.pack("<HHII", tag, kind, count, {273: offsets, 279: counts}.get(tag, value))
        for tag, kind, count, value in tags
    )
    table = struct.pack(f"<{number}I", *(pixels + width * row for row in range(number)))
    return (
        b"II*\0" + struct.pack("<IH", head, len(tags)) + entries + bytes(4) + table
        + struct.pack("<I", width) * number + bytes(range(256)) * (width * number // 256 + 1)
    )  # fmt: skip


def bmp_that_stands_still(size: int) -> bytes:
    """A run-length encoded BMP of `size` bytes that move by nothing, which Pillow reads in Python."""
    header = struct.pack("<IiiHHIIiiII", 40, 64, 64, 1, 8, 1, size, 2835, 2835, 256, 0)
    palette = b"".join(bytes([value, value, value, 0]) for value in range(256))
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + size, 0, 0, start) + header + palette + b"\0\2\0\0" * (size // 4)


def plain_ppm(side: int) -> bytes:
    """A PPM whose numbers are written out, which Pillow reads in Python."""
    return f"P3 {side} {side} 255\n".encode() + b"1 2 3\n" * side * side


def webp_of_a_large_canvas() -> bytes:
    """A WebP of a few bytes, and of 16384 x 16384 pixels, for which its decoder takes memory when it is opened."""
    body = b"VP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0]) + b"\xff\x3f\0" * 2
    frame = b"ANMF" + struct.pack("<I", 16) + bytes(16)
    chunks = body + b"ANIM" + struct.pack("<I", 6) + bytes(6) + frame
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


BEYOND_BOUNDS: dict[str, Callable[[], bytes]] = {
    "GIF of comments": lambda: gif_of_comments(3 * 2**20),
    "GIF of empty extensions": lambda: gif_of_empty_extensions(20_000),
    "JPEG of a thousand scans": lambda: jpeg_of_scans(1000),
    "JPEG of hidden scans": lambda: jpeg_with_hidden_scans(1000),
    "JPEG of empty segments": lambda: jpeg_of_segments(20_000),
    "JPEG of Exif segments": lambda: jpeg_of_segments(300, b"Exif\0\0" + bytes(30_000)),
    "JPEG of overlapping Exif entries": lambda: jpeg_of_segments(2, b"Exif\0\0" + overlapping_exif(60_000)),
    "JPEG of padding": lambda: jpeg_of_padding(2**20),
    "JPEG of junk": lambda: jpeg_of_padding(2**20, b"\xff\0"),
    "PNG of text chunks": lambda: png_of_chunks(5000),
    "PNG of profiles": lambda: png_of_chunks(2000, b"iCCP", b"p\0\0" + zlib.compress(bytes(2**16))),
    "PNG of empty data": lambda: png_of_chunks(200_000, b"IDAT", b""),
    "WebP of a large canvas": webp_of_a_large_canvas,
}
"""Refused before a decoder sees them, or, where only the header tells, before it decodes a pixel."""

FOR_A_WORKER: dict[str, Callable[[], bytes]] = {
    "TIFF of strips": lambda: tiff_of_strips(2000),
    "BMP that stands still": lambda: bmp_that_stands_still(40_000),
    "PPM of written numbers": lambda: plain_ppm(100),
}
"""Small kinds of those that take minutes when they are large; what they cost is bounded by a process's end."""
