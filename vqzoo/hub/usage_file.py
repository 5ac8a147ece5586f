"""How often each index was used, as files hold it: long rows that are mostly zeros take little room."""

from collections.abc import Sequence

from vqzoo.ops.check import check_int

Packed = list[int] | dict[str, int | list[int]]
"""A count for each index; or {"size": how many there are, "at": the indices that were used, "counts": how often}."""

MOST = 2**24
"""Indices of all columns together at most: a few bytes that say how many there are must not ask for more memory."""


def packed(counts: Sequence[int]) -> Packed:
    """The shorter of the two ways to write a column of counts, each 0 or more."""
    at = [index for index, count in enumerate(counts) if count]
    if 4 * len(at) > len(counts):
        return list(counts)
    return {"size": len(counts), "at": at, "counts": [counts[index] for index in at]}


def columns(counts: object) -> list[list[int]]:
    """The counts of every column that was read from a file; ValueError where they are none, or more than `MOST`."""
    if not isinstance(counts, list):
        raise ValueError("expected a list of columns, or null")
    sizes = [column.get("size") for column in counts if isinstance(column, dict)]
    if sum(size for size in sizes if type(size) is int) > MOST:
        raise ValueError(f"the columns have more than {MOST:,} indices together")
    return [unpacked(column) for column in counts]


def unpacked(column: object) -> list[int]:
    """A count for each index of a column that was read from a file; ValueError for what is neither of the two ways."""
    if isinstance(column, list):
        return _whole(column)
    if not isinstance(column, dict) or column.keys() != {"size", "at", "counts"}:
        raise ValueError("expected a list of counts, or an object with size, at and counts")
    at, counts = _whole(column["at"]), _whole(column["counts"])
    found = [0] * check_int("size", column["size"], 1, MOST)
    if len(at) != len(counts) or at != sorted(set(at)) or (at and at[-1] >= len(found)):
        raise ValueError("at has to be rising indices below size, as many as there are counts")
    for index, count in zip(at, counts, strict=True):
        found[index] = count
    return found


def _whole(values: object) -> list[int]:
    if not isinstance(values, list) or any(type(value) is not int or not 0 <= value < 2**63 for value in values):
        raise ValueError("counts have to be whole numbers from 0")
    return values
