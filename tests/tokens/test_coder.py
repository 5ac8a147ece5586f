"""Whole-number probabilities against exact arithmetic, and the bit stream against a decoder of ten lines."""

from fractions import Fraction

import numpy as np
import pytest

from vqzoo.tokens.coder import Reader, Writer
from vqzoo.tokens.integers import frequencies, power


def test_powers_are_exact():
    for steps in (0, 1, 100, 255, 256, 257, 3000, 6143, 6144, 9999):
        value = int(power(np.array([steps]))[0])
        exponent = 24 * 256 - steps
        exact = 2**exponent if exponent >= 0 else Fraction(1, 2**-exponent)
        assert value**256 <= exact < (value + 1) ** 256 or (value == 0 and steps > 6144), steps


def test_frequencies_add_up_and_are_in_proportion():
    shares = frequencies(np.array([[1, 2, 1], [0, 0, 7], [2**38, 1, 0]]))
    assert (shares.sum(1) == 2**24 - 3).all() and (shares >= 0).all()
    assert shares[0].tolist() == [4194303, 8388607, 4194303], "the rest of rounding down goes to the largest"
    assert shares[1].tolist() == [0, 0, 2**24 - 3]


def read_by_hand(data: bytes, tables: list[np.ndarray]) -> list[int]:
    """docs/vqz.md, "Symbols": the range decoder, in Python's whole numbers."""
    words = [int.from_bytes(data[start : start + 4], "little") for start in range(0, len(data), 4)] + [0] * 3
    width, point, used, symbols = 2**64 - 1, words[0] << 32 | words[1], 2, []
    for table in tables:
        ends = np.cumsum(table + 1).tolist()
        unit = width >> 24
        symbol = next(symbol for symbol, end in enumerate(ends) if point // unit < end)
        start = ends[symbol - 1] if symbol else 0
        point, width = point - unit * start, unit * (ends[symbol] - start)
        if width < 2**32:
            point, width, used = point << 32 | words[used], width << 32, used + 1
        symbols.append(symbol)
    return symbols


@pytest.mark.parametrize("size", [2, 3, 1000])
def test_the_bit_stream_is_the_documented_one(size):
    """The probabilities are (frequency + 1) / 2^24 exactly, or a symbol would sooner or later be another."""
    generator = np.random.default_rng(size)
    tables = frequencies(generator.integers(0, 2**30, (300, size)) ** 2 >> 24)
    symbols = generator.integers(0, size, 300)
    writer = Writer()
    writer.code(tables, symbols)
    assert read_by_hand(writer.data(), list(tables)) == symbols.tolist()


def test_what_was_written_is_read_and_costs_its_cross_entropy():
    generator = np.random.default_rng(0)
    shared, each = frequencies(generator.integers(1, 99, 50)), frequencies(generator.integers(1, 99, (40, 7)))
    first, second, third = (generator.integers(0, most, 40) for most in (50, 7, 2**32))
    writer = Writer()
    writer.code(shared, first), writer.code(each, second), writer.code_evenly(2**32, third)
    data = writer.data()
    chosen = [*(shared[first] + 1), *(each[np.arange(40), second] + 1)]
    assert writer.bits == pytest.approx(sum(24 - np.log2(chosen)) + 40 * 32)
    assert writer.bits <= 8 * len(data) <= writer.bits + 64
    reader, none = Reader(data), np.zeros(40, np.int64)
    assert np.array_equal(reader.code(shared, none), first) and np.array_equal(reader.code(each, none), second)
    assert np.array_equal(reader.code_evenly(2**32, none), third) and reader.finished()


@pytest.mark.parametrize("size", [2, 1000, 2**16, 2**18, 3 * 2**16, 2**32])
def test_even_symbols_of_any_alphabet(size):
    symbols = np.array([0, 1, size // 2, size - 1])
    writer = Writer()
    writer.code_evenly(size, symbols)
    assert np.array_equal(Reader(writer.data()).code_evenly(size, symbols), symbols)
