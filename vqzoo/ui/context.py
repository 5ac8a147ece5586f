"""What all pages are built with."""

from collections.abc import Callable, Iterator, Sequence
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
    """What a page needs from outside it.

    engine: computes. limits: what each visitor may ask for, if that is limited. shown: a state, the
    last comparison: every page looks at its photograph and its models.
    tab: the one that the page is in. active: a state, the label of the tab that is looked at. changes: a state, how
    often models had come or gone when this visitor last came to a page.
    """

    engine: Engine
    limits: Limits | None
    shown: gr.State
    tab: gr.Tab
    active: gr.State
    changes: gr.State

    @cached_property
    def looked_at(self) -> Dependency:
        """The page has come into sight and is painted: to ask the server before that would keep it from the eye."""
        return self.tab.select(None, None, None, js=_PAINTED, api_visibility="private")

    def when_seen(
        self,
        show: Callable[..., Iterator[Any]],
        inputs: Sequence[Component],
        outputs: Component | Sequence[Component],
        **settings: Any,
    ) -> None:
        """Bring the page up to date by `show`, a generator, when the page comes into sight, and when another
        comparison is finished while it is; a page out of sight can wait. What its ValueErrors say is shown."""
        name = self.tab.label

        def on_look(*values: Any) -> Iterator[Any]:
            with show_errors():
                yield from show(*values)

        def on_change(active: str, *values: Any) -> Iterator[Any]:
            if active == name:
                yield from on_look(*values)
            else:
                yield gr.skip()

        event = {"outputs": outputs, "api_visibility": "private", "show_progress": "minimal", **settings}
        event["trigger_mode"] = "always_last"
        self.looked_at.then(on_look, list(inputs), **event)
        self.shown.change(on_change, [self.active, *inputs], **event)

    def when_offered(
        self, refresh: Callable[..., Any], inputs: Sequence[Component], outputs: Component | Sequence[Component]
    ) -> Dependency:
        """Bring a page's choices up to date when models were loaded or removed: `refresh`, given the values of
        `inputs`, gives those of `outputs` from `engine.models`.

        All pages of a visitor learn of it together: when the app is opened, and when any of them comes into sight.
        """
        return self.changes.change(
            refresh, list(inputs), outputs, api_visibility="private", show_progress="hidden", trigger_mode="always_last"
        )
