"""Bits of indices after entropy coding, by an ideal coder and by general-purpose compressors."""

import lzma
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


def entropy_bits(counts: Sequence[np.ndarray], images: int = 1) -> list[float]:
    """Return the bits per image of each column of the indices under an ideal zeroth-order coder.

    counts: uses (K,) of each column over `images` images. A column with n indices per image takes n H bits, where H is
    the entropy of its frequencies in bits. This is a lower bound for codes of single indices that know these
    frequencies; the table of frequencies is not included. For a single image the estimate is too low, as the entropy
    of few samples is biased.
    """
    return [_entropy(column) / images for column in map(np.asarray, counts)]


def cross_entropy_bits(counts: Sequence[np.ndarray], known: Sequence[np.ndarray]) -> float:
    """Return the bits of an image with index `counts` (K,) per column, coded ideally by the frequencies of `known`.

    One is added to each known count, so that unseen indices can be coded (Laplace). Sender and receiver share the
    known counts in advance. An arithmetic coder would use as many bits for this image, to within a bit or two.
    """
    total = 0.0
    for column, other in zip(counts, known, strict=True):
        smoothed = np.asarray(other, np.float64) + 1
        total -= float((column * np.log2(smoothed / smoothed.sum())).sum())
    return total


def fixed_bits(counts: Sequence[np.ndarray], images: int = 1) -> list[float]:
    """Return the bits per image of each column at log2(alphabet size) bits per index."""
    return [float(np.sum(column)) * np.log2(len(column)) / images for column in counts]


@dataclass(frozen=True)
class Compressed:
    """Compressed indices. method: the name in `COMPRESSORS` with the fewest bytes; data: these bytes."""

    method: str
    data: bytes

    @property
    def bits(self) -> int:
        """Size of the data in bits."""
        return 8 * len(self.data)


_LZMA = [{"id": lzma.FILTER_LZMA2, "preset": 6}]


def _deflate(raw: bytes) -> bytes:
    squeezer = zlib.compressobj(9, wbits=-15)
    return squeezer.compress(raw) + squeezer.flush()


def _inflate(data: bytes) -> bytes:
    return zlib.decompress(data, -15)


def _lzma(raw: bytes) -> bytes:
    return lzma.compress(raw, lzma.FORMAT_RAW, filters=_LZMA)


def _unlzma(data: bytes) -> bytes:
    return lzma.decompress(data, lzma.FORMAT_RAW, filters=_LZMA)


class Compressor(NamedTuple):
    """A way to compress indices without headers, on which sender and receiver agree; `packs` bits first or not."""

    packs: bool
    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


COMPRESSORS = {
    "bits packed": Compressor(True, bytes, bytes),
    "bits packed, then Deflate": Compressor(True, _deflate, _inflate),
    "whole bytes, then Deflate": Compressor(False, _deflate, _inflate),
    "bits packed, then LZMA": Compressor(True, _lzma, _unlzma),
    "whole bytes, then LZMA": Compressor(False, _lzma, _unlzma),
}


def compress(columns: np.ndarray, sizes: Sequence[int]) -> Compressed:
    """Compress indices (n, q) with alphabet sizes up to 2^32 by each compressor, and return the smallest result."""
    packed, whole = pack(columns, sizes), _whole(columns, sizes)
    results = (Compressed(name, each.compress(packed if each.packs else whole)) for name, each in COMPRESSORS.items())
    return min(results, key=lambda result: len(result.data))


def decompress(compressed: Compressed, cells: int, sizes: Sequence[int]) -> np.ndarray:
    """Invert `compress`: return the indices (cells, q)."""
    compressor = COMPRESSORS[compressed.method]
    return (unpack if compressor.packs else _unwhole)(compressor.decompress(compressed.data), cells, sizes)


def pack(columns: np.ndarray, sizes: Sequence[int]) -> bytes:
    """Pack indices (n, q) column by column, each with the smallest integer number of bits for its alphabet."""
    bits = [_digits(column, _width(size)) for column, size in zip(columns.T, sizes, strict=True)]
    return np.packbits(np.concatenate([each.reshape(-1) for each in bits])).tobytes()


def unpack(packed: bytes, cells: int, sizes: Sequence[int]) -> np.ndarray:
    """Invert `pack`: return the indices (cells, q)."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    columns, start = [], 0
    for width in map(_width, sizes):
        digits = bits[start : start + cells * width].reshape(cells, width).astype(np.int64)
        columns.append(digits @ (1 << np.arange(width, dtype=np.int64)[::-1]))
        start += cells * width
    return np.stack(columns, 1)


def _entropy(column: np.ndarray) -> float:
    """Return n H in bits: 0 for a column with at most one distinct index."""
    used = column[column > 0].astype(np.float64)
    return float(-(used * np.log2(used / used.sum())).sum()) if len(used) > 1 else 0.0


def _width(size: int) -> int:
    return (size - 1).bit_length()


def _digits(column: np.ndarray, width: int) -> np.ndarray:
    return (column[:, None] >> np.arange(width)[::-1] & 1).astype(np.uint8)


def _type(size: int) -> np.dtype:
    return np.dtype(np.uint8 if size <= 2**8 else "<u2" if size <= 2**16 else "<u4")


def _whole(columns: np.ndarray, sizes: Sequence[int]) -> bytes:
    """Return the indices column by column in one, two or four bytes each."""
    return b"".join(column.astype(_type(size)).tobytes() for column, size in zip(columns.T, sizes, strict=True))


def _unwhole(raw: bytes, cells: int, sizes: Sequence[int]) -> np.ndarray:
    columns, start = [], 0
    for size in sizes:
        columns.append(np.frombuffer(raw, _type(size), cells, start).astype(np.int64))
        start += cells * _type(size).itemsize
    return np.stack(columns, 1)
