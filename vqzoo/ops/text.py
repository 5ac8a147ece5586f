"""Text that strangers wrote: a line of it for a message, JSON that means what it says; tables in Markdown and CSV."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_DEPTH = 32
_PARTS = 2**16
_NO_MARKUP = {ord("<"): "‹", ord(">"): "›"}


def brief(text: object, limit: int = 280) -> str:
    """One printable line of at most `limit` characters; what is longer loses its middle."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in str(text)).split())
    if len(line) <= limit:
        return line
    tail = limit // 3
    return f"{line[: limit - tail - 5]} ... {line[-tail:]}"


def plain(text: object, limit: int = 280) -> str:
    """`brief` without the angle brackets of markup: foreign text for a terminal, a page or a message."""
    return brief(str(text).translate(_NO_MARKUP), limit)


def visible(text: str) -> str:
    """A text of several lines without control characters and those that turn its direction or are not seen."""
    return "".join(c for c in text if c in "\n\t" or not unicodedata.category(c).startswith("C"))


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """A table in Markdown, its first `texts` columns to the left and the others, numbers, to the right."""
    rule = ["---"] * texts + ["--:"] * (len(head) - texts)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]], end: str = "\n") -> str:
    """Return a table as CSV, None as an empty cell, `end` behind each line; RFC 4180 asks for "\\r\\n"."""
    file = io.StringIO()
    csv.writer(file, lineterminator=end).writerows([head, *rows])
    return file.getvalue()


def with_table(text: str, name: str, table: str) -> str:
    """Markdown with a table in the place that two comments mark: <!-- table: NAME --> and <!-- end of table -->."""
    start, end = f"<!-- table: {name} -->\n", "\n<!-- end of table -->"
    before, rest = text.split(start)
    return before + start + table + end + rest.split(end, 1)[1]


def parse_json(text: bytes) -> Any:
    """The value in UTF-8 JSON; ValueError for broken syntax, a key given twice, nesting over 32 and over 2^16 parts."""
    if text.count(b"[") + text.count(b"{") > _PARTS:  # each takes twenty times the memory of its text
        raise ValueError("too many arrays and objects")
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_depth(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {brief(repr(key), 80)} is given twice")
        found[key] = value
    return found


def _check_depth(value: Any) -> None:
    layer = [value]
    for _ in range(_DEPTH):
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
