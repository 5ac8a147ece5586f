"""All that a run has to remember to go on, bit for bit, where it was."""

from typing import Any

import torch
from accelerate.utils import gather_object

FORMAT = 3


class State:
    """The parts of a run, each with `state_dict` and `load_state_dict`; None for one that this run does not have."""

    def __init__(self, **parts: Any):
        self.parts = parts

    def save(self, feed: Any, **facts: Any) -> dict[str, Any]:
        """What a checkpoint holds; every process must call it. `feed` is where this process's data are."""
        own = {"random": _random_state(), "feed": feed}
        saved = {name: part.state_dict() if part else None for name, part in self.parts.items()}
        return {**saved, "processes": gather_object([own]), "format": FORMAT, **facts}

    def load(self, saved: dict[str, Any], rank: int) -> Any:
        """Put every part and the random generators where they were; returns the `feed` of this process.

        Raises ValueError where the number of processes has changed and their data cannot be shared out anew.
        """
        if saved.get("format") != FORMAT:
            raise ValueError("the checkpoint was written by another version of the trainer; start afresh")
        for name, part in self.parts.items():
            if part:
                part.load_state_dict(saved[name])
        # All processes draw alike (see vqzoo.ops.noise), so that another number of them goes on with the first's.
        own = saved["processes"][rank if rank < len(saved["processes"]) else 0]
        _set_random_state(own["random"])
        return own["feed"]


def _random_state() -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else state


def _set_random_state(state: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])
