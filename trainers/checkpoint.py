"""Checkpoints that are either whole or not there."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_KEEP = 2


def write(path: Path, state: dict[str, Any]) -> None:
    """Save `state` beside `path`, flush it to the disk, then rename it into place.

    Raises FloatingPointError, and writes nothing, where a tensor in it is not finite: every checkpoint is a good one.
    """
    for key in _not_finite(state):
        raise FloatingPointError(f"{key} is no longer finite; {path} was not written, earlier checkpoints are kept")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def read(path: Path) -> dict[str, Any]:
    """What `write` saved, on the CPU; only tensors and plain values are unpickled. ValueError for a damaged file."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it to go on from the one before") from error


def write_step(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write folder/step-<step>.pt; the older ones but one go afterwards."""
    write(folder / f"step-{step:08d}.pt", state)
    for old in sorted(folder.glob("step-*.pt"))[:-_KEEP]:
        old.unlink()


def read_latest(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint in a folder; None where there is none."""
    paths = sorted(folder.glob("step-*.pt"))
    return read(paths[-1]) if paths else None


def _not_finite(value: Any, key: str = "") -> Iterator[str]:
    """Dotted paths of the tensors in nested dicts and lists that hold a NaN or an infinity."""
    if isinstance(value, Tensor):
        if not value.isfinite().all():
            yield key
    elif isinstance(value, (dict, list)):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(part, f"{key}.{name}" if key else str(name))
