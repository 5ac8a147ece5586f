"""The range coder of constriction with probabilities that are whole numbers; one call writes or reads symbols.

The library takes probabilities as floating point. Whole numbers that add up to 2^24 - K are exact there, in any order
of summation, and are then scaled by exactly 1: symbol s gets (frequency + 1) / 2^24 on every machine.
"""

from typing import Protocol

import numpy as np
from constriction import stream

from vqzoo.tokens.integers import PRECISION

_DIGIT = 1 << 16
_Categorical, _Uniform = stream.model.Categorical, stream.model.Uniform
WORD = np.dtype("<u4")
"""The words that a coder writes."""


class Coder(Protocol):
    """Writes symbols, or reads them."""

    def code(self, frequencies: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Code symbols (n,) and return them, given `integers.frequencies` (K,) of all or (n, K) of each.

        A reader takes from `symbols` only how many there are.
        """

    def code_evenly(self, size: int, symbols: np.ndarray) -> np.ndarray:
        """Code symbols (n,) from 0 to `size` - 1, all as likely, and return them."""


class Writer:
    """Writes symbols. bits: what the probabilities alone ask for, the cross-entropy."""

    def __init__(self) -> None:
        self.bits = 0.0
        self._coder = stream.queue.RangeEncoder()

    def code(self, frequencies: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Write symbols, see `Coder.code`."""
        chosen = frequencies[symbols] if frequencies.ndim == 1 else frequencies[np.arange(len(symbols)), symbols]
        self.bits += float((PRECISION - np.log2(chosen + 1)).sum())
        self._coder.encode(symbols.astype(np.int32), *_model(frequencies))
        return symbols

    def code_evenly(self, size: int, symbols: np.ndarray) -> np.ndarray:
        """Write symbols, see `Coder.code_evenly`."""
        for digit, base in _digits(size):
            self.bits += len(symbols) * float(np.log2(base))
            self._coder.encode((symbols // digit % _DIGIT).astype(np.int32), _Uniform(base))
        return symbols

    def data(self) -> bytes:
        """Return what was written."""
        words: np.ndarray = self._coder.get_compressed()
        return words.astype(WORD).tobytes()


class Reader:
    """Reads the symbols that a `Writer` wrote, in the same order with the same frequencies."""

    def __init__(self, data: bytes):
        self._coder = stream.queue.RangeDecoder(np.frombuffer(data, WORD).astype(np.uint32))

    def code(self, frequencies: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Read symbols, see `Coder.code`."""
        count = [len(symbols)] if frequencies.ndim == 1 else []
        read: np.ndarray = self._coder.decode(*_model(frequencies), *count)
        return read

    def code_evenly(self, size: int, symbols: np.ndarray) -> np.ndarray:
        """Read symbols, see `Coder.code_evenly`."""
        read = np.zeros(len(symbols), np.int64)
        for digit, base in _digits(size):
            read += digit * self._coder.decode(_Uniform(base), len(symbols)).astype(np.int64)
        return read

    def finished(self) -> bool:
        """Return whether the data may end here."""
        return bool(self._coder.maybe_exhausted())


def _model(frequencies: np.ndarray) -> tuple[object, ...]:
    """Return the model of all symbols, or the family and each symbol's parameters."""
    exact = frequencies.astype(np.float32)  # below 2^24
    return (_Categorical(exact, perfect=False),) if exact.ndim == 1 else (_Categorical(perfect=False), exact)


def _digits(size: int) -> list[tuple[int, int]]:
    """Return the value and the alphabet of each digit of a number below `size`; alphabets have to be small."""
    if size <= _DIGIT:
        return [(1, size)]
    return [(_DIGIT, -(-size // _DIGIT)), (1, _DIGIT)]
