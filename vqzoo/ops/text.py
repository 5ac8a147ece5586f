"""Text from untrusted sources as one safe line, and tables in generated pages and in CSV."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_NO_MARKUP = {ord("<"): "‹", ord(">"): "›"}


def brief(text: object, limit: int = 280) -> str:
    """Return text as one printable line of at most `limit` characters; longer text loses its middle."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in str(text)).split())
    if len(line) <= limit:
        return line
    tail = limit // 3
    return f"{line[: limit - tail - 5]} ... {line[-tail:]}"


def plain(text: object, limit: int = 280) -> str:
    """Return `brief` text without angle brackets, for text from others in a terminal, a page or a message."""
    return brief(str(text).translate(_NO_MARKUP), limit)


def visible(text: str) -> str:
    """Return text of several lines without control, direction and invisible characters."""
    return "".join(c for c in text if c in "\n\t" or not unicodedata.category(c).startswith("C"))


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Return a Markdown table; its first `texts` columns are aligned left, the others, numbers, right."""
    rule = ["---"] * texts + ["--:"] * (len(head) - texts)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]], end: str = "\n") -> str:
    """Return a table as CSV with None as an empty cell; RFC 4180 asks for carriage returns in `end`, too."""
    file = io.StringIO()
    csv.writer(file, lineterminator=end).writerows([head, *rows])
    return file.getvalue()


def with_table(text: str, name: str, table: str) -> str:
    """Return Markdown with a table between the comments <!-- table: NAME --> and <!-- end of table -->."""
    start, end = f"<!-- table: {name} -->\n", "\n<!-- end of table -->"
    before, rest = text.split(start)
    return before + start + table + end + rest.split(end, 1)[1]
