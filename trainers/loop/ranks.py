"""Timeouts for processes that train together, and a message that names the rank that stopped answering."""

import re
from datetime import timedelta
from typing import Any

import torch.distributed as dist
from accelerate import InitProcessGroupKwargs

RANK_LOST = 77
"""Exit code of a run that ended because another of its processes stopped answering; it can be resumed."""
_groups: dict[str, Any] = {}
"""Process groups for the barrier and for finding lost ranks: a group in which a collective timed out is unusable."""
_minutes = 0.0


def process_group_timeout(minutes: float) -> InitProcessGroupKwargs:
    """Return the timeout of collectives, 70 % of the minutes; the rest is for finding the ranks that are missing."""
    return InitProcessGroupKwargs(timeout=_part(0.7, minutes))


def open_groups(minutes: float) -> None:
    """Open the process groups that `barrier` and `describe_lost_ranks` use; every process must call this."""
    global _minutes
    if dist.is_available() and dist.is_initialized() and not _groups:
        _minutes = minutes
        for name, share in (("barrier", 0.7), ("find", 0.2)):
            _groups[name] = dist.new_group(backend="gloo", timeout=_part(share, minutes))


def barrier() -> None:
    """Wait for every process; raise RuntimeError where one does not arrive, for which GPUs would wait in silence."""
    if _groups:
        dist.monitored_barrier(_groups["barrier"], _part(0.7, _minutes))


def describe_lost_ranks(error: BaseException) -> str | None:
    """Return a sentence on which ranks stopped answering, after a collective raised `error`; None for other errors.

    Takes a fifth of the timeout at most.
    """
    if not _groups or not any(name in str(error).lower() for name in ("gloo", "nccl", "monitoredbarrier")):
        return None
    first = dist.get_rank() == 0
    try:
        # Rank 0 waits for all others and names the missing ones; the others wait for rank 0 a little longer.
        dist.monitored_barrier(_groups["find"], _part(0.1 if first else 0.2, _minutes), wait_all_ranks=first)
    except RuntimeError as answer:
        missing = re.search(r"Ranks? ([\d, ]+) failed", str(answer))
        if missing or "timed out" in str(answer).lower():
            ranks = missing[1].strip() if missing else "0"
            return f"rank {ranks} has stopped answering; the others waited --rank-timeout {_minutes:g} minutes for it"
    return "another process of this run has ended; what it printed last says why"


def _part(share: float, minutes: float) -> timedelta:
    return timedelta(minutes=share * minutes)
