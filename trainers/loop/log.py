"""metrics.jsonl: one JSON object a line, always written, whatever tracker runs beside it."""

import json
from pathlib import Path
from typing import Any

from vqzoo.analysis.log import read
from vqzoo.files.storage import write_text

__all__ = ["Log", "read"]


class Log:
    """Appends rows to a file; a resumed run first drops the rows of steps that it will do again.

    rows: those that were kept. Only one process writes; the others read.
    """

    def __init__(self, path: Path, resume_at: int, writes: bool = True):
        self.path, self.writes = path, writes
        rows = read(path) if resume_at and path.exists() else []
        self.rows = [row for row in rows if row["step"] <= resume_at]
        if writes:
            write_text(path, "".join(json.dumps(row) + "\n" for row in self.rows))

    def write(self, row: dict[str, Any]) -> None:
        if self.writes:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
