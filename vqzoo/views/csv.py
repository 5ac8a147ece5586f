"""A table as a file that is part of the page."""

import base64
import csv
import html
import io
from collections.abc import Sequence
from typing import Any


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """RFC 4180, with a header; what there is not is empty."""
    file = io.StringIO()
    csv.writer(file).writerows([columns, *rows])
    return file.getvalue()


def csv_link(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """HTML of a link that saves the table as `name`; the data is in the link, so no file is left on the server."""
    data = base64.b64encode(csv_text(columns, rows).encode()).decode()
    shown = html.escape(name, quote=True)
    return f'<a class="csv" download="{shown}" href="data:text/csv;charset=utf-8;base64,{data}">Save as {shown}</a>'
