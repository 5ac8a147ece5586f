"""JSON from untrusted sources, with limits on size, depth and repeated keys."""

import json
from typing import Any

from vqzoo.ops.text import brief

_MAX_DEPTH = 32
_MAX_CONTAINERS = 2**16


def parse_json(text: bytes) -> Any:
    """Return the value of UTF-8 JSON.

    Raises ValueError for invalid syntax, a repeated key, nesting beyond 32 levels, or over 2^16 arrays and objects.
    """
    if text.count(b"[") + text.count(b"{") > _MAX_CONTAINERS:  # each takes twenty times the memory of its text
        raise ValueError("too many arrays and objects")
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_depth(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"key {brief(repr(key), 80)} is given twice")
        result[key] = value
    return result


def _check_depth(value: Any) -> None:
    layer = [value]
    for _ in range(_MAX_DEPTH):
        layer = [
            part
            for each in layer
            if isinstance(each, (dict, list))
            for part in (each.values() if isinstance(each, dict) else each)
            if isinstance(part, (dict, list))
        ]
        if not layer:
            return
    raise ValueError("nested too deeply")
