"""A description of the device that computes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """The name of a device and its memory in bytes; None if another process manages the memory."""

    name: str
    used: int | None = None
    total: int | None = None
