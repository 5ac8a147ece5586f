"""Checkpoints that are either whole or not there."""

import os
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_KEEP = 2


def write(path: Path, state: dict[str, Any]) -> None:
    """Save `state` beside `path`, flush it to the disk, then rename it into place.

    Raises FloatingPointError, and writes nothing, where a tensor in it is not finite: every checkpoint is a good one.
    Raises OSError where it cannot be written (a full disk); what there was before is left as it was, and no part of the
    new one stays.
    """
    for key in _not_finite(state):
        raise FloatingPointError(f"{key} is no longer finite; {path} was not written, earlier checkpoints are kept")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # torch turns a failed write into the latter
        partial.unlink(missing_ok=True)
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):  # something else that only happened now, as the death of a data worker
            raise
        raise OSError(f"{path} could not be written ({cause}); earlier checkpoints are kept") from error
    _flush_folder(path.parent)


def read(path: Path) -> dict[str, Any]:
    """What `write` saved, on the CPU; only tensors and plain values are unpickled. ValueError for a damaged file."""
    try:
        with zipfile.ZipFile(path) as archive:
            if broken := archive.testzip():  # torch itself does not compare checksums
                raise zipfile.BadZipFile(f"the checksum of {broken} is another")
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error})") from error


def write_step(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write folder/step-<step>.pt; the older ones but one go afterwards."""
    write(folder / f"step-{step:08d}.pt", state)
    for old in sorted(folder.glob("step-*.pt"))[:-_KEEP]:
        old.unlink()


def read_latest(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint of a folder that can be read; None where there is none.

    A damaged one is named and passed over. ValueError where all of them are damaged.
    """
    paths = sorted(folder.glob("step-*.pt"), reverse=True)
    for path in paths:
        try:
            return read(path)
        except ValueError as error:
            print(f"passed over: {error}", flush=True)
    if paths:
        raise ValueError(f"every checkpoint in {folder} is damaged; delete the folder to start afresh")
    return None


def _flush_folder(folder: Path) -> None:
    """Put a rename on the disk, where a folder can be opened at all (not on Windows)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _not_finite(value: Any, key: str = "") -> Iterator[str]:
    """Dotted paths of the tensors in nested dicts and lists that hold a NaN or an infinity."""
    if isinstance(value, Tensor):
        if not value.isfinite().all():
            yield key
    elif isinstance(value, (dict, list)):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(part, f"{key}.{name}" if key else str(name))
