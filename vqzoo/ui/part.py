"""The parts that pages are made of."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Settings of an event that no program calls and that tells no progress."""
LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
"""The same, of which the last counts where several come while one runs."""
TELLING: dict[str, Any] = {**LATEST, "show_progress": "minimal"}
"""The same, which tells its progress."""
PUBLIC: dict[str, Any] = {**TELLING, "api_visibility": "public"}
"""The same, which programs call as well."""
AT_ONCE: dict[str, Any] = {**QUIET, "queue": False}


class Part:
    """A part of a page, which can stand anywhere on it.

    Made inside a block of the page, it lays its components out there; its `show` gives the values of these. When the
    whole page is laid out, `watch`, or `follow` with the parts that it depends on, connects it to events.
    """

    def __init__(self, context: Context):
        self.context, self.engine = context, context.engine

    def watch(self) -> None:
        """Connect the part to the events on which it is brought up to date."""


class TabPart(Part):
    """A part that is a tab inside the page, brought up to date when it is looked at and when its inputs change."""

    inputs: Sequence[Any] = ()
    outputs: Sequence[Any] = ()
    opens_page = False
    """Whether the page opens with this tab."""

    def __init__(self, context: Context, label: str):
        self.page = context
        self.tab = gr.Tab(label, id=label)
        super().__init__(replace(context, tab=self.tab))
        with self.tab:
            self.drawn = gr.State(None)

    show: Callable[..., dict[Any, Any]]
    """Returns the values of `outputs` for those of `inputs`."""

    def watch(self) -> None:
        """Do nothing while neither inputs nor models change."""
        settings = {"inputs": [self.drawn, *self.inputs], "outputs": [*self.outputs, self.drawn], **TELLING}
        self.context.selected.then(self._on_selected, **settings)
        if self.opens_page:
            self.page.selected.then(self._on_selected, **settings)
        # One event for all inputs: answers to separate events come in any order, and the last may be of old inputs.
        gr.on([self.page.changes.change, *(each.change for each in self.inputs)], self._on_change, **settings)

    def _on_selected(self, drawn: Any, *values: Any) -> Any:
        key = (self.engine.changes, *values)
        if drawn == key:
            return gr.skip()
        with show_errors():
            return {**self.show(*values), self.drawn: key}

    def _on_change(self, drawn: Any, *values: Any) -> Any:
        """Update a tab that was already seen; others wait until they are selected."""
        return gr.skip() if drawn is None else self._on_selected(drawn, *values)
