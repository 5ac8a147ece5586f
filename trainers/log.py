"""metrics.jsonl: one JSON object a line, always written, whatever tracker runs beside it."""

import json
from pathlib import Path
from typing import Any


class Log:
    """Appends rows to a file; a resumed run first drops the rows of steps that it will do again."""

    def __init__(self, path: Path, resume_at: int):
        rows = read(path) if resume_at and path.exists() else []
        kept = [row for row in rows if row["step"] <= resume_at]
        path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        self.file = path.open("a", encoding="utf-8")

    def write(self, row: dict[str, Any]) -> None:
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()


def read(path: Path) -> list[dict[str, Any]]:
    """All rows of a metrics.jsonl; a last line that a killed run cut short is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
