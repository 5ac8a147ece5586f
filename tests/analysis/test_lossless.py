"""Entropies by hand and against scipy; what is compressed comes back."""

import math
import zlib

import numpy as np
import pytest
from scipy.stats import entropy

from vqzoo.analysis.lossless import (
    COMPRESSORS,
    Compressed,
    compress,
    cross_entropy_bits,
    decompress,
    entropy_bits,
    fixed_bits,
    pack,
    unpack,
)

SIZES = (2, 3, 1, 256, 257, 1000, 65536, 2**20)


def drawn(cells: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.stack([generator.integers(0, size, cells) for size in SIZES], 1)


def test_entropy_by_hand():
    counts = [np.array([2, 1, 1, 0]), np.array([4, 0]), np.array([2, 2])]
    # 4 indices of 1.5 bits, 4 of none, 4 of one bit.
    assert entropy_bits(counts) == [6.0, 0.0, 4.0]
    assert entropy_bits(counts, images=2) == [3.0, 0.0, 2.0]
    assert fixed_bits(counts, images=2) == [4.0, 2.0, 2.0]


def test_entropy_is_scipys_and_never_more_than_fixed_length():
    counts = np.random.default_rng(1).integers(0, 50, 37)
    (found,) = entropy_bits([counts])
    assert found == pytest.approx(counts.sum() * entropy(counts, base=2))
    assert found <= fixed_bits([counts])[0]


def test_cross_entropy_by_hand_and_no_less_than_entropy():
    # Known shares with one added: 3/4 and 1/4.
    assert cross_entropy_bits([np.array([2, 1])], [np.array([2, 0])]) == pytest.approx(2 * math.log2(4 / 3) + 2)
    generator = np.random.default_rng(2)
    mine, known = generator.integers(0, 20, 64), generator.integers(0, 20, 64)
    assert cross_entropy_bits([mine], [known]) > entropy_bits([mine])[0]


@pytest.mark.parametrize("cells", [1, 7, 100])
def test_packed_bits_come_back_and_are_as_many_as_they_should_be(cells):
    columns = drawn(cells)
    packed = pack(columns, SIZES)
    assert np.array_equal(unpack(packed, cells, SIZES), columns)
    assert len(packed) == math.ceil(cells * (1 + 2 + 0 + 8 + 9 + 10 + 16 + 20) / 8)


@pytest.mark.parametrize("name", COMPRESSORS)
def test_every_compressor_gives_back_what_it_got(name):
    columns = drawn(50)
    bits, squeeze = COMPRESSORS[name][:2]
    whole = b"".join(c.astype(t).tobytes() for c, t in zip(columns.T, "BBBBHHHI", strict=True))
    data = squeeze(pack(columns, SIZES) if bits else whole)
    assert np.array_equal(decompress(Compressed(name, data), 50, SIZES), columns)


def test_the_smallest_result_is_taken():
    even = np.zeros((5000, 2), np.int64)
    found = compress(even, (256, 1000))
    assert found.bits < 8 * 100 and found.method != "bits packed"
    assert np.array_equal(decompress(found, 5000, (256, 1000)), even)
    noise = np.random.default_rng(3).integers(0, 256, (2000, 1))
    assert compress(noise, (256,)) == Compressed("bits packed", noise.astype(np.uint8).tobytes())
    repeated = np.tile(np.arange(10)[:, None], (100, 1))
    assert len(compress(repeated, (10,)).data) <= len(zlib.compress(repeated.astype(np.uint8).tobytes(), 9))
