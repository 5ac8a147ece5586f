"""Checkpoint files, written atomically."""

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
    """Save `state` to a temporary file beside `path`, flush it to the disk, and rename it to `path`.

    Raises FloatingPointError where a tensor is not finite, so that every checkpoint is usable, and OSError where the
    file cannot be written, as on a full disk. In both cases `path` is left as it was, and the temporary file removed.
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
    except (OSError, RuntimeError) as error:  # torch raises RuntimeError for a failed write
        partial.unlink(missing_ok=True)
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):  # an unrelated error, as of a data worker that died at this moment
            raise
        raise OSError(f"{path} could not be written ({cause}); earlier checkpoints are kept") from error
    _flush_folder(path.parent)


def read(path: Path) -> dict[str, Any]:
    """Load what `write` saved, to the CPU; only tensors and plain values are unpickled. ValueError if damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            if broken := archive.testzip():  # torch itself does not compare checksums
                raise zipfile.BadZipFile(f"the checksum of {broken} is another")
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error})") from error


def write_step(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write folder/step-<step>.pt, then delete all older checkpoints but one."""
    write(folder / f"step-{step:08d}.pt", state)
    for old in sorted(folder.glob("step-*.pt"))[:-_KEEP]:
        old.unlink()


def read_latest(folder: Path) -> dict[str, Any] | None:
    """Load the newest readable checkpoint of a folder; None where the folder has none.

    Prints a line for each damaged checkpoint. Raises ValueError where all of them are damaged.
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
    """Flush a rename to the disk, on systems where a folder can be opened (not on Windows)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _not_finite(value: Any, key: str = "") -> Iterator[str]:
    """Yield the dotted paths of tensors that hold a NaN or an infinity, in nested dicts and lists."""
    if isinstance(value, Tensor):
        if not value.isfinite().all():
            yield key
    elif isinstance(value, (dict, list)):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(part, f"{key}.{name}" if key else str(name))
