"""Processes that train together: one that stops answering is named, and the others do not wait for it for ever."""

import re
from datetime import timedelta
from typing import Any

import torch.distributed as dist
from accelerate import InitProcessGroupKwargs

RANK_LOST = 77
"""Exit code of a run that ended because another of its processes stopped answering: go on with --resume."""
_groups: dict[str, Any] = {}
"""Connections of their own, as those of an exchange that timed out cannot be used any more: "meet" and "ask"."""
_minutes = 0.0


def process_group_timeout(minutes: float) -> InitProcessGroupKwargs:
    """Return how long an exchange may take: a little less, as there is still to be asked who is missing."""
    return InitProcessGroupKwargs(timeout=_part(0.7, minutes))


def open_groups(minutes: float) -> None:
    """Let the processes of a run find out who is missing; every process must call it."""
    global _minutes
    if dist.is_available() and dist.is_initialized() and not _groups:
        _minutes = minutes
        for name, share in (("meet", 0.7), ("ask", 0.2)):
            _groups[name] = dist.new_group(backend="gloo", timeout=_part(share, minutes))


def barrier() -> None:
    """Wait until every process is here; RuntimeError where one does not come. GPUs would wait for it in silence."""
    if _groups:
        dist.monitored_barrier(_groups["meet"], _part(0.7, _minutes))


def describe_lost_ranks(error: BaseException) -> str | None:
    """Return which processes have stopped answering, in a sentence, after an exchange raised `error`; None for another
    error. Takes a fifth of the timeout at most."""
    if not _groups or not any(name in str(error).lower() for name in ("gloo", "nccl", "monitoredbarrier")):
        return None
    first = dist.get_rank() == 0
    try:
        # The first process hears from all others and tells who is missing; these wait for it a little longer.
        dist.monitored_barrier(_groups["ask"], _part(0.1 if first else 0.2, _minutes), wait_all_ranks=first)
    except RuntimeError as answer:
        missing = re.search(r"Ranks? ([\d, ]+) failed", str(answer))
        if missing or "timed out" in str(answer).lower():
            ranks = missing[1].strip() if missing else "0"
            return f"rank {ranks} has stopped answering; the others waited --rank-timeout {_minutes:g} minutes for it"
    return "another process of this run has ended; what it printed last says why"


def _part(share: float, minutes: float) -> timedelta:
    return timedelta(minutes=share * minutes)
