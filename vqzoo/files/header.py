"""Parse the header of a safetensors file, before anything is allocated or downloaded."""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from vqzoo.files.json import parse_json
from vqzoo.ops.text import brief

HEADER_LIMIT = 2 * 2**20
"""Largest header, in bytes, that is read; a network of 500 tensors has 60 thousand."""
MAX_TENSORS = 16384

_BYTES_PER_NUMBER = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}


@dataclass(frozen=True)
class TensorInfo:
    """Type, as safetensors spells it, and shape of a tensor in a file."""

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, TensorInfo]:
    """Return the tensors of a file; raise ValueError unless its bytes are exactly those of a safetensors file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        return parse_header(start + file.read(header_length(start, size)), size)


def metadata(path: Path) -> dict[str, Any]:
    """Return the texts that a file was saved with; none if it is damaged, which `read_header` reports."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
            header = parse_json(file.read(header_length(start, path.stat().st_size)))
    except ValueError:
        return {}
    texts = header.get("__metadata__") if isinstance(header, dict) else None
    return texts if isinstance(texts, dict) else {}


def header_length(start: bytes, size: int) -> int:
    """Return how many bytes of JSON follow the first eight of a file of `size` bytes."""
    length = int.from_bytes(start[:8], "little")
    if len(start) < 8 or length > size - 8:
        raise ValueError(f"{size:,} bytes are too few for its header")
    if length > HEADER_LIMIT:
        raise ValueError(f"a header of {length:,} bytes; at most {HEADER_LIMIT:,} are read")
    return length


def parse_header(start: bytes, size: int) -> dict[str, TensorInfo]:
    """Return the tensors of a file of `size` bytes; `start` is its beginning, up to the end of the header at least."""
    length = header_length(start, size)
    header = parse_json(start[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        raise ValueError(f"{len(header):,} tensors; at most {MAX_TENSORS:,} are read")
    spans = [_span(key, entry) for key, entry in header.items()]
    ends = [(0, 0), *sorted(spans), (size - 8 - length, size - 8 - length)]
    if any(end != begin for (_, end), (begin, _) in pairwise(ends)):
        raise ValueError("its tensors overlap, leave gaps or end elsewhere than the file")
    return {key: TensorInfo(entry["dtype"], tuple(entry["shape"])) for key, entry in header.items()}


def _span(key: str, entry: Any) -> tuple[int, int]:
    """Return the offsets at which a tensor's bytes begin and end."""
    named = f"tensor {brief(repr(key), 80)}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{named} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BYTES_PER_NUMBER:
        raise ValueError(f"{named} has a type that is not known")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or len(numbers) > 8 or any(type(n) is not int or n < 0 for n in numbers):
            raise ValueError(f"{named} has a shape or offsets that are not a few whole numbers from 0")
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * _BYTES_PER_NUMBER[dtype]:
        raise ValueError(f"{named} has offsets that do not fit its type and shape")
    return offsets[0], offsets[1]
