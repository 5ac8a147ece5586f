"""Tables as HTML: to be read, or to be saved as a file."""

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any

from vqzoo.ops.text import csv_text


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table: `head` is text; of each row the cells are HTML, and the first of them is its heading."""
    heads = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in head)
    body = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>' for name, *cells in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def csv_link(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """HTML of a link that saves the table as `name`; the data is in the link, so no file is left on the server."""
    data = base64.b64encode(csv_text(columns, rows, "\r\n").encode()).decode()
    shown = html.escape(name, quote=True)
    return f'<a class="csv" download="{shown}" href="data:text/csv;charset=utf-8;base64,{data}">Save as {shown}</a>'
