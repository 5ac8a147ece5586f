"""The file format of index counts, with a sparse form for columns that are mostly zero."""

from collections.abc import Sequence

from vqzoo.ops.check import check_int

Packed = list[int] | dict[str, int | list[int]]
"""Either a count for each index, or {"size": number of indices, "at": used indices, "counts": their counts}."""

MOST = 2**24
"""Maximum total number of indices of all columns, as a few bytes of a file can claim any "size"."""


def packed(counts: Sequence[int]) -> Packed:
    """Return the shorter form of a column of counts, each 0 or more."""
    at = [index for index, count in enumerate(counts) if count]
    if 4 * len(at) > len(counts):
        return list(counts)
    return {"size": len(counts), "at": at, "counts": [counts[index] for index in at]}


def columns(counts: object) -> list[list[int]]:
    """Return the counts of every column from a file; ValueError if they are malformed or more than `MOST`."""
    if not isinstance(counts, list):
        raise ValueError("expected a list of columns, or null")
    sizes = [column.get("size") for column in counts if isinstance(column, dict)]
    if sum(size for size in sizes if type(size) is int) > MOST:
        raise ValueError(f"the columns have more than {MOST:,} indices together")
    return [unpacked(column) for column in counts]


def unpacked(column: object) -> list[int]:
    """Return a count for each index of a column from a file; ValueError if it has neither of the two forms."""
    if isinstance(column, list):
        return _whole(column)
    if not isinstance(column, dict) or column.keys() != {"size", "at", "counts"}:
        raise ValueError("expected a list of counts, or an object with size, at and counts")
    at, counts = _whole(column["at"]), _whole(column["counts"])
    full = [0] * check_int("size", column["size"], 1, MOST)
    if len(at) != len(counts) or at != sorted(set(at)) or (at and at[-1] >= len(full)):
        raise ValueError("at has to be rising indices below size, as many as there are counts")
    for index, count in zip(at, counts, strict=True):
        full[index] = count
    return full


def _whole(values: object) -> list[int]:
    if not isinstance(values, list) or any(type(value) is not int or not 0 <= value < 2**63 for value in values):
        raise ValueError("counts have to be whole numbers from 0")
    return values
