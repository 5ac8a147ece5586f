"""What entropy coding would take off the bits of indices: by an ideal coder, and by compressors that everybody has."""

import lzma
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


def entropy_bits(counts: Sequence[np.ndarray], images: int = 1) -> list[float]:
    """Bits of an image of each column of the indices, coded with an ideal zeroth-order coder.

    counts: uses (K,) of each column over `images` images. A column that is used n times an image takes n H bits, with H
    the entropy of its shares in bits: the least that any code takes that looks at one index at a time and knows just
    these shares. The table of shares is not counted. Of a single image it is too low: few indices look more regular
    than their source is.
    """
    return [_entropy(column) / images for column in map(np.asarray, counts)]


def cross_entropy_bits(counts: Sequence[np.ndarray], known: Sequence[np.ndarray]) -> float:
    """Bits of an image whose indices have `counts` (K,) a column, coded ideally with the shares of `known` counts.

    One is added to every known count, so that what was never seen can be coded (Laplace). Sender and receiver have the
    table from elsewhere: this is what an arithmetic coder would need for this very image, to within a bit or two.
    """
    total = 0.0
    for column, other in zip(counts, known, strict=True):
        smoothed = np.asarray(other, np.float64) + 1
        total -= float((column * np.log2(smoothed / smoothed.sum())).sum())
    return total


def fixed_bits(counts: Sequence[np.ndarray], images: int = 1) -> list[float]:
    """Bits of an image of each column at log2(alphabet) an index."""
    return [float(np.sum(column)) * np.log2(len(column)) / images for column in counts]


@dataclass(frozen=True)
class Compressed:
    """method: which of `COMPRESSORS` gave the fewest bytes; data: what it gave."""

    method: str
    data: bytes

    @property
    def bits(self) -> int:
        """Eight for each byte."""
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


COMPRESSORS: dict[str, tuple[bool, Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "bits packed": (True, bytes, bytes),
    "bits packed, then Deflate": (True, _deflate, _inflate),
    "whole bytes, then Deflate": (False, _deflate, _inflate),
    "bits packed, then LZMA": (True, _lzma, _unlzma),
    "whole bytes, then LZMA": (False, _lzma, _unlzma),
}
"""Name -> (whether bits are packed, compress, decompress); without headers, as sender and receiver agree on them."""


def compress(columns: np.ndarray, sizes: Sequence[int]) -> Compressed:
    """Indices (n, q) with alphabets `sizes`, each up to 2^32, through every compressor: the smallest result."""
    packed, whole = pack(columns, sizes), _whole(columns, sizes)
    results = (Compressed(name, squeeze(packed if bits else whole)) for name, (bits, squeeze, _) in COMPRESSORS.items())
    return min(results, key=lambda result: len(result.data))


def decompress(compressed: Compressed, cells: int, sizes: Sequence[int]) -> np.ndarray:
    """The indices (cells, q) that `compress` was given."""
    bits, _, expand = COMPRESSORS[compressed.method]
    raw = expand(compressed.data)
    return unpack(raw, cells, sizes) if bits else _unwhole(raw, cells, sizes)


def pack(columns: np.ndarray, sizes: Sequence[int]) -> bytes:
    """Indices (n, q), column after column, each in the fewest whole bits that hold its alphabet, end to end."""
    bits = [_digits(column, _width(size)) for column, size in zip(columns.T, sizes, strict=True)]
    return np.packbits(np.concatenate([each.reshape(-1) for each in bits])).tobytes()


def unpack(packed: bytes, cells: int, sizes: Sequence[int]) -> np.ndarray:
    """What `pack` was given."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    columns, start = [], 0
    for width in map(_width, sizes):
        digits = bits[start : start + cells * width].reshape(cells, width).astype(np.int64)
        columns.append(digits @ (1 << np.arange(width, dtype=np.int64)[::-1]))
        start += cells * width
    return np.stack(columns, 1)


def _entropy(column: np.ndarray) -> float:
    """n H: 0 for a column of one kind, or of none."""
    used = column[column > 0].astype(np.float64)
    return float(-(used * np.log2(used / used.sum())).sum()) if len(used) > 1 else 0.0


def _width(size: int) -> int:
    return (size - 1).bit_length()


def _digits(column: np.ndarray, width: int) -> np.ndarray:
    return (column[:, None] >> np.arange(width)[::-1] & 1).astype(np.uint8)


def _type(size: int) -> np.dtype:
    return np.dtype(np.uint8 if size <= 2**8 else "<u2" if size <= 2**16 else "<u4")


def _whole(columns: np.ndarray, sizes: Sequence[int]) -> bytes:
    """Column after column in one, two or four bytes an index."""
    return b"".join(column.astype(_type(size)).tobytes() for column, size in zip(columns.T, sizes, strict=True))


def _unwhole(raw: bytes, cells: int, sizes: Sequence[int]) -> np.ndarray:
    columns, start = [], 0
    for size in sizes:
        columns.append(np.frombuffer(raw, _type(size), cells, start).astype(np.int64))
        start += cells * _type(size).itemsize
    return np.stack(columns, 1)
