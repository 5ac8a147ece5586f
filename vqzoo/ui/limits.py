"""What one visitor may ask of a machine that many share."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import gradio as gr
from gradio.utils import get_space
from spaces.config import Config

from vqzoo import images


@dataclass(frozen=True)
class Limits:
    """models: at a click; side: of a photograph, in pixels; loaded: models that all visitors together may have added.
    A visitor compares one photograph at a time."""

    models: int
    side: int
    loaded: int = 16
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, names: Sequence[str], longest: int) -> None:
        """Raises gr.Error for more than that, with what is to be done."""
        if len(names) > self.models:
            raise gr.Error(
                f"{len(names)} models are ticked, and this Space takes {self.models} at a click: untick some, or run "
                "the app on a machine of your own.",
                print_exception=False,
            )
        if longest > self.side:
            raise gr.Error(
                f"This Space takes at most {self.side} pixels a side: choose a smaller one, or run the app on a "
                "machine of your own.",
                print_exception=False,
            )

    @contextmanager
    def turn(self, session: str | None) -> Iterator[None]:
        """Holds a visitor's only turn; raises gr.Error while it is taken. A caller without a session waits for none."""
        with self._lock:
            if session in self._busy:
                raise gr.Error(
                    "Your last comparison is still running: wait for it, or press Stop.", print_exception=False
                )
            if session:
                self._busy.add(session)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(session or "")


HUB_VARIABLE = "VQZOO_ALLOW_HUB"
"""Environment variable: 1 offers the published models, too, and downloads those that are asked for."""


def hub_allowed() -> bool:
    """Whether visitors may have models downloaded that the app was not started with: on a machine of one's own, and
    on a Space that says so."""
    return not get_space() or os.environ.get(HUB_VARIABLE) == "1"


def on_zerogpu() -> bool:
    """Whether this process is a ZeroGPU Space."""
    return Config.zero_gpu


SPACE = Limits(models=12, side=512)


def limits_here() -> Limits | None:
    """Those of a Space; None on a machine of one's own."""
    return SPACE if get_space() else None


def image_limits() -> images.ImageLimits:
    """Those on a photograph's file: strict on a Space, generous on a machine of one's own."""
    return images.SPACE if get_space() else images.OWN_MACHINE
