"""Whether two runs are the same: checkpoints, logs, pictures and cards, apart from what the machine adds of its own."""

from pathlib import Path
from typing import Any

import torch

from trainers.loop import checkpoint
from vqzoo.analysis.log import read
from vqzoo.files.storage import read_json


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """Nested dicts, lists and tuples as {path: leaf}."""
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {path: leaf for name, part in items for path, leaf in flat(part, f"{key}/{name}").items()}
    return {key: value}


def without_times(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a log without what hangs on the machine."""
    return {key: row[key] for key in row.keys() - {"seconds", "images_per_second", "peak_memory_mib"}}


def assert_same_states(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal to the last bit, wall-clock times apart."""
    one, other = flat(one), flat(other)
    assert one.keys() == other.keys()
    for key in one.keys() - {"/meter/seconds"}:
        a, b = one[key], other[key]
        assert (torch.equal(a, b) and a.dtype == b.dtype) if isinstance(a, torch.Tensor) else a == b, key


def assert_same_runs(one: Path, other: Path, last: int) -> None:
    """The run folders of two runs that ended at step `last`."""
    for name in (f"checkpoints/step-{last:08d}.pt", "best.pt"):
        assert_same_states(checkpoint.read(one / name), checkpoint.read(other / name))
    rows = [[without_times(row) for row in read(run / "metrics.jsonl")] for run in (one, other)]
    assert rows[0] == rows[1] and rows[0][-1]["step"] == last
    grids = [[path.read_bytes() for path in sorted((run / "samples").iterdir())] for run in (one, other)]
    assert grids[0] == grids[1]
    cards = [read_json(run / "card" / "metrics.json") for run in (one, other)]
    assert cards[0]["metrics"] == cards[1]["metrics"] and cards[0]["curves"] == cards[1]["curves"]
