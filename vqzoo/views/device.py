"""What computes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """Its name, and its memory in bytes, unless that is another process's."""

    name: str
    used: int | None = None
    total: int | None = None
