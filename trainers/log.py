"""metrics.jsonl: one JSON object a line, always written, whatever tracker runs beside it."""

import json
import os
from pathlib import Path
from typing import Any

_OF_THE_MACHINE = ("images_per_second", "peak_memory_mib")


class Log:
    """Appends rows to a file; a resumed run first drops the rows of steps that it will do again.

    rows: those that were kept. Only one process writes; the others read.
    """

    def __init__(self, path: Path, resume_at: int, writes: bool = True):
        self.path, self.writes = path, writes
        rows = read(path) if resume_at and path.exists() else []
        self.rows = [row for row in rows if row["step"] <= resume_at]
        if writes:
            fresh = path.with_suffix(".partial")
            fresh.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")
            os.replace(fresh, path)

    def write(self, row: dict[str, Any]) -> None:
        if self.writes:
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
    rows = [row for row in read(path) if "warning" not in row]
    held_out = [row for row in rows if "held_out" in row]
    evaluated = {row["step"] for row in held_out}
    train = [
        {key: value for key, value in row.items() if key not in _OF_THE_MACHINE}
        for row in rows
        if "held_out" not in row and row["step"] in evaluated
    ]
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
