"""metrics.jsonl, the log of a run: one JSON object a line."""

import json
from pathlib import Path
from typing import Any

from vqzoo.analysis.log import read
from vqzoo.files.storage import write_text


class Log:
    """A log to append rows to; a resumed run first drops the rows of steps that it will repeat.

    rows: the rows that were not dropped. Only the process with `writes` changes the file.
    """

    def __init__(self, path: Path, resume_at: int, writes: bool = True):
        self.path, self.writes = path, writes
        rows = read(path) if resume_at and path.exists() else []
        self.rows = [row for row in rows if row["step"] <= resume_at]
        if writes:
            write_text(path, "".join(json.dumps(row) + "\n" for row in self.rows))

    def write(self, row: dict[str, Any]) -> None:
        """Append a row."""
        if self.writes:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
