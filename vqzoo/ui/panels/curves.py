"""Curves of trainings, a panel a quantity, as many as there are."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from vqzoo.views.training import Panel


class Panels:
    """Slots for so many panels, out of sight while they are empty."""

    def __init__(self, number: int):
        self.slots = [gr.Plot(visible=False, label="curve", buttons=[], min_width=280) for _ in range(number)]

    def show(self, panels: Sequence[Panel]) -> dict[Any, Any]:
        """Return the values of the slots; panels beyond their number are left out."""
        drawn = [gr.Plot(panel.figure, label=panel.title, visible=True) for panel in panels[: len(self.slots)]]
        empty = [gr.Plot(visible=False) for _ in self.slots[len(drawn) :]]
        return dict(zip(self.slots, [*drawn, *empty], strict=True))
