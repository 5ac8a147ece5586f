"""The state of a run, from which it resumes bit for bit."""

from typing import Any

import torch
from accelerate.utils import gather_object

FORMAT = 3


class State:
    """The parts of a run, each with `state_dict` and `load_state_dict`, or None where the run has no such part."""

    def __init__(self, **parts: Any):
        self.parts = parts

    def save(self, feed: Any, **facts: Any) -> dict[str, Any]:
        """Return the content of a checkpoint; `feed` is this process's `Feed.state()`. Every process must call this."""
        process_state = {"random": _random_state(), "feed": feed}
        saved = {name: part.state_dict() if part else None for name, part in self.parts.items()}
        return {**saved, "processes": gather_object([process_state]), "format": FORMAT, **facts}

    def load(self, saved: dict[str, Any], rank: int) -> Any:
        """Load every part and the random generators; return the `feed` state of this process.

        Raises ValueError for a checkpoint of another version of the trainer.
        """
        if saved.get("format") != FORMAT:
            raise ValueError("the checkpoint was written by another version of the trainer; start afresh")
        for name, part in self.parts.items():
            if part:
                part.load_state_dict(saved[name])
        # All processes draw the same numbers (see vqzoo.ops.noise): additional ones resume with those of rank 0.
        process_state = saved["processes"][rank if rank < len(saved["processes"]) else 0]
        _set_random_state(process_state["random"])
        return process_state["feed"]


def _random_state() -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else state


def _set_random_state(state: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])
