"""Damaged .vqz files, made of a whole one: cut, overwritten, lengthened, and forged with the right checksum."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np


def damaged(data: bytes, number: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield `number` files, each with what was done to it; a forged one may be another picture's whole file."""
    generator = np.random.default_rng(seed)
    ways = list(_WAYS)
    for each in range(number):
        way = ways[each % len(ways)]
        yield way, _WAYS[way](bytearray(data), generator)


def _at(data: bytearray, generator: np.random.Generator) -> int:
    """Return a position, in the header as often as behind it."""
    return int(generator.integers(len(data) if generator.random() < 0.5 else 60))


def _cut(data: bytearray, generator: np.random.Generator) -> bytes:
    return bytes(data[: int(generator.integers(len(data)))])


def _flip(data: bytearray, generator: np.random.Generator) -> bytes:
    for _ in range(int(generator.integers(1, 9))):
        data[_at(data, generator)] ^= 1 << int(generator.integers(8))
    return bytes(data) + b"\0" * (zlib.crc32(data[:-4]) == struct.unpack("<I", data[-4:])[0])  # flipped back


def _overwrite(data: bytearray, generator: np.random.Generator) -> bytes:
    start, length = _at(data, generator), int(generator.integers(4, 64))
    data[start : start + length] = generator.bytes(len(data[start : start + length]))
    return bytes(data)


def _lengthen(data: bytearray, generator: np.random.Generator) -> bytes:
    start = _at(data, generator)
    return bytes(data[:start] + generator.bytes(int(generator.integers(1, 4096))) + data[start:])


def _remove(data: bytearray, generator: np.random.Generator) -> bytes:
    start = _at(data, generator)
    return bytes(data[:start] + data[start + int(generator.integers(1, 64)) :])


def _seal(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def _forge_header(data: bytearray, generator: np.random.Generator) -> bytes:
    data[int(generator.integers(4, 60))] = int(generator.integers(256))
    return _seal(bytes(data[:-4]))


def _forge_size(data: bytearray, generator: np.random.Generator) -> bytes:
    data[11:15] = struct.pack("<HH", *(int(side) for side in generator.integers(1, 2**16, 2)))
    return _seal(bytes(data[:-4]))


def _forge_symbols(data: bytearray, generator: np.random.Generator) -> bytes:
    return _seal(bytes(data[:69]) + generator.bytes(4 * int(generator.integers(0, 2000))))


def _nonsense(data: bytearray, generator: np.random.Generator) -> bytes:
    return generator.bytes(int(generator.integers(0, 5000)))


_WAYS = {
    "cut": _cut,
    "bits flipped": _flip,
    "overwritten": _overwrite,
    "lengthened": _lengthen,
    "bytes removed": _remove,
    "a forged header": _forge_header,
    "a forged size": _forge_size,
    "forged symbols": _forge_symbols,
    "nonsense": _nonsense,
}
FORGED = ("a forged header", "a forged size", "forged symbols")
"""Ways that leave the checksum right."""
