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


def curves(path: Path) -> dict[str, dict[str, list[float | None]]]:
    """{"train": ..., "held_out": ...} of a metrics.jsonl: each term by its name, a list as long as that of "step".

    Terms of the train split are means over the steps before each evaluation since the row before it; None where a term
    did not exist yet. Six significant digits.
    """
    rows = read(path)
    held_out = [row for row in rows if "held_out" in row]
    evaluated = {row["step"] for row in held_out}
    train = [row for row in rows if "held_out" not in row and row["step"] in evaluated]
    prefix = "held_out/"
    named = [
        {
            key.removeprefix(prefix): value
            for key, value in row.items()
            if key in ("step", "gradient_gap") or key.startswith(prefix)
        }
        for row in held_out
    ]
    return {"train": _columns(train), "held_out": _columns(named)}


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [float(f"{row[name]:.6g}") if name in row else None for row in rows] for name in names}
