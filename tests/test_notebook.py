"""docs/notebook.ipynb runs from its first cell to its last, with few steps in place of the minutes."""

import json
import shlex
from pathlib import Path

from vqzoo.cli import main

ROOT = Path(__file__).parents[1]
CELLS = json.loads((ROOT / "docs" / "notebook.ipynb").read_text())["cells"]


def test_it_was_saved_without_results():
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in CELLS)


def test_it_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for cell in CELLS:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        if not source.startswith("!"):
            exec(compile(source, "notebook", "exec"), names)
            continue
        program, *arguments = shlex.split(source[1:].replace("--minutes 5", "--steps 2"))
        assert program == "vqzoo" and main(arguments) == 0, source
    assert names["both"].size == (2 * names["photograph"].width, names["photograph"].height)
