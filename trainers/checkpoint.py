"""Checkpoints that are either whole or not there."""

import os
from pathlib import Path
from typing import Any

import torch

_KEEP = 2


def write(path: Path, state: dict[str, Any]) -> None:
    """Save `state` beside `path`, flush it to the disk, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def read(path: Path) -> dict[str, Any]:
    """What `write` saved, on the CPU; only tensors and plain values are unpickled."""
    return torch.load(path, map_location="cpu", weights_only=True)


def write_step(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write folder/step-<step>.pt; the older ones but one go afterwards."""
    write(folder / f"step-{step:08d}.pt", state)
    for old in sorted(folder.glob("step-*.pt"))[:-_KEEP]:
        old.unlink()


def read_latest(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint in a folder; None where there is none."""
    paths = sorted(folder.glob("step-*.pt"))
    return read(paths[-1]) if paths else None
