"""Divide GPUs or CPU cores among runs."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Slot:
    """What one of several concurrent runs may use: CPU cores (none: any), and environment variables."""

    cores: tuple[int, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


def slots(num: int, gpus: Sequence[str], cores: Sequence[int]) -> list[Slot]:
    """Return a slot for each of `num` runs: a GPU in turn if there are several, or an equal part of the CPU cores."""
    if len(gpus) > 1:
        return [Slot(variables={"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]}) for slot in range(num)]
    if gpus or num == 1 or not cores:
        return [Slot()] * num
    return [Slot(tuple(cores[slot % len(cores) :: num])) for slot in range(num)]


def list_devices() -> tuple[list[str], list[int]]:
    """Return the GPUs, as in CUDA_VISIBLE_DEVICES, and the CPU cores of this process; none where these are unknown."""
    number = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    gpus = visible.split(",")[:number] if visible else [str(gpu) for gpu in range(number)]
    return gpus, sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def pinned_to(cores: Sequence[int]) -> Iterator[None]:
    """Restrict processes that are started in this context to these cores, by which the trainer sets its threads."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
