"""Counts of indices, as torch tensors or as NumPy arrays."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TypeVar

Counts = TypeVar("Counts")
"""A tensor or an array (K,)."""


def by_codebook(counts: Sequence[Counts], codebook_of: Sequence[int]) -> list[Counts]:
    """Sum the counts of the columns that share a codebook, which have the same number in `codebook_of`."""
    columns = list(zip(counts, codebook_of, strict=True))
    return [reduce(add, (c for c, number in columns if number == book)) for book in sorted(set(codebook_of))]
