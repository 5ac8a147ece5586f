"""Signal handler: end a run after the current step, and say when the next checkpoint is due."""

import math
import signal
import time
from types import FrameType

import torch
from accelerate import Accelerator

from trainers.loop.ranks import barrier
from vqzoo.ops.interrupt import STOPPED

WARNED = 76
"""Exit code of a run that was saved and ended by a warning of --stop-on."""
_AGREE_EVERY = 10


class Stopped(Exception):
    """The run was saved and ended before its last step; `code` is the exit code of the process."""

    def __init__(self, reason: str, code: int):
        super().__init__(reason)
        self.code = code


class SignalHandler:
    """A context in which SIGTERM, or the first Ctrl-C, ends the run after the current step.

    All processes must stop at the same step, so they exchange what they received every few steps.
    """

    def __init__(self, accelerator: Accelerator, save_minutes: float, deadline: float | None = None):
        """Set up the handler; `deadline` is the time by time.monotonic at which to end, None for no limit."""
        self.accelerator = accelerator
        self.every = 1 if accelerator.num_processes == 1 else _AGREE_EVERY
        self.save_seconds = 60 * save_minutes
        self.signal = 0
        self.warning = ""
        self.deadline = math.inf if deadline is None else deadline
        self.late = False
        """Whether the deadline has passed; the same on every process."""
        self._saved = time.monotonic()

    def __enter__(self) -> "SignalHandler":
        self._before = {number: signal.signal(number, self._receive) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(signal.SIGINT, self._before[signal.SIGINT])  # a second Ctrl-C ends the process at once

    def poll(self, done: int) -> tuple[bool, Stopped | None]:
        """Return whether to save after `done` steps, and the Stopped to raise, if any; the same on every process."""
        if done % self.every:
            return False, None
        main = self.accelerator.is_main_process
        due = main and time.monotonic() - self._saved >= self.save_seconds
        late = main and time.monotonic() >= self.deadline
        flags: tuple[bool, ...] = (bool(self.signal), due, main and bool(self.warning), late)
        if self.accelerator.num_processes > 1:
            barrier()
            tensor = torch.tensor(flags, dtype=torch.float32, device=self.accelerator.device)
            flags = tuple(flag > 0 for flag in self.accelerator.reduce(tensor, "sum").tolist())
        stop_requested, due, warned, self.late = flags
        if stop_requested:
            name = signal.Signals(self.signal).name if self.signal else "a signal"
            return True, Stopped(f"{name} after step {done}", STOPPED)
        if warned:
            return True, Stopped(self.warning or f"a warning after step {done}", WARNED)
        return due, None

    def saved(self) -> None:
        """Restart the time to the next checkpoint, as one was just written."""
        self._saved = time.monotonic()
