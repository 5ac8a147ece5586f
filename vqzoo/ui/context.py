"""The context that every page is built with."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from vqzoo.ui.errors import show_errors
from vqzoo.ui.limits import Limits
from vqzoo.views.engine import Engine

_PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
"""Waits until a page that has come into sight is on the screen."""


@dataclass(frozen=True, eq=False)
class Context:
    """The engine, limits and states that pages share.

    Attributes:
        engine: computes results.
        limits: limits on each visitor; None without any.
        shown: state, the last comparison, whose photograph and models every page shows.
        tab: the tab of the page.
        active: state, the label of the visible tab.
        changes: state, `engine.changes` when the visitor last opened a page.
        asked: state, the `View` that the page's address or another page asks Compare for.
    """

    engine: Engine
    limits: Limits | None
    shown: gr.State
    tab: gr.Tab
    active: gr.State
    changes: gr.State
    asked: gr.State

    def turn(self, request: gr.Request, patience: float = 0.0) -> AbstractContextManager[None]:
        """Return a visitor's turn within the limits, see `Limits.turn`; without limits it does nothing."""
        return nullcontext() if self.limits is None else self.limits.turn(request.session_hash, patience)

    @cached_property
    def selected(self) -> Dependency:
        """The event of the page being selected and painted; an earlier request would delay the painting."""
        return self.tab.select(None, None, None, js=_PAINTED, api_visibility="private")

    def when_seen(
        self,
        show: Callable[..., Iterator[Any]],
        inputs: Sequence[Component],
        outputs: Component | Sequence[Component],
        **settings: Any,
    ) -> None:
        """Update the page by the generator `show` when it is selected, and while visible after each comparison.

        The message of a ValueError is shown on the page.
        """
        name = self.tab.label

        def update(*values: Any) -> Iterator[Any]:
            with show_errors():
                yield from show(*values)

        def on_change(active: str, *values: Any) -> Iterator[Any]:
            if active == name:
                yield from update(*values)
            else:
                yield gr.skip()

        event = {"outputs": outputs, "api_visibility": "private", "show_progress": "minimal", **settings}
        event["trigger_mode"] = "always_last"
        self.selected.then(update, list(inputs), **event)
        self.shown.change(on_change, [self.active, *inputs], **event)

    def when_offered(
        self, refresh: Callable[..., Any], inputs: Sequence[Component], outputs: Component | Sequence[Component]
    ) -> Dependency:
        """Update a page's choices by `refresh`, from `inputs` to `outputs`, after models were loaded or removed.

        All pages of a visitor are updated when the app is opened and when any page is selected.
        """
        return self.changes.change(
            refresh, list(inputs), outputs, api_visibility="private", show_progress="hidden", trigger_mode="always_last"
        )
