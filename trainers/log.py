"""metrics.jsonl: one JSON object a line, always written, whatever tracker runs beside it."""

import json
import os
from pathlib import Path
from typing import Any


class Log:
    """Appends rows to a file; a resumed run first drops the rows of steps that it will do again."""

    def __init__(self, path: Path, resume_at: int):
        rows = read(path) if resume_at and path.exists() else []
        kept = [row for row in rows if row["step"] <= resume_at]
        fresh = path.with_suffix(".partial")
        fresh.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        os.replace(fresh, path)
        self.path = path

    def write(self, row: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """All rows of a metrics.jsonl; a last line that a killed run cut short is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
