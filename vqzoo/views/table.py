"""Tables as HTML, as records for programs, and as links that save them as CSV."""

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any

from vqzoo.ops.text import csv_text


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table: `head` is text, cells are HTML, and the first cell of each row is its heading."""
    heads = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in head)
    body = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>' for name, *cells in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def records(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return each row as a dict by column."""
    return [dict(zip(columns, row, strict=True)) for row in rows]


def csv_link(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a link that saves the table as `name`; the link holds the data, so the server stores no file."""
    data = base64.b64encode(csv_text(columns, rows, "\r\n").encode()).decode()
    shown = html.escape(name, quote=True)
    return f'<a class="csv" download="{shown}" href="data:text/csv;charset=utf-8;base64,{data}">Save as {shown}</a>'
