"""What all pages are built with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import Context as Building

from vqzoo.ui.limits import Limits
from vqzoo.ui.tell import told
from vqzoo.views.engine import Engine


@dataclass(frozen=True, eq=False)
class Context:
    """What a page needs from outside it.

    engine: computes. limits: what each visitor may ask for, if that is limited. shown: a state (path, longest, names):
    the photograph of the last comparison, its longest side, and the models it went through; every page looks at these.
    tab: the one that the page is in. active: a state, the label of the tab that is looked at.
    """

    engine: Engine
    limits: Limits | None
    shown: gr.State
    tab: gr.Tab
    active: gr.State

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

        def on_select(*values: Any) -> Iterator[Any]:
            with told():
                yield from show(*values)

        def on_change(active: str, *values: Any) -> Iterator[Any]:
            if active == name:
                yield from on_select(*values)
            else:
                yield gr.skip()

        event = {"outputs": outputs, "api_visibility": "private", "show_progress": "minimal", **settings}
        event["trigger_mode"] = "always_last"
        self.tab.select(on_select, list(inputs), **event)
        self.shown.change(on_change, [self.active, *inputs], **event)

    def when_offered(
        self, refresh: Callable[..., Sequence[Any]], inputs: Sequence[Component], outputs: Sequence[Component]
    ) -> None:
        """Bring a page's choices up to date when it comes into sight and when the app is opened: `refresh`, given the
        values of `inputs`, gives those of `outputs` from `engine.models`.

        It is only called where models were loaded or removed since this visitor's page last did so.
        """
        known = gr.State(0)

        def on_select(number: int, *values: Any) -> Any:
            changes = self.engine.changes
            return gr.skip() if changes == number else [changes, *refresh(*values)]

        opened = Building.root_block
        assert opened is not None, "pages are built inside the app's Blocks"
        gr.on(
            [self.tab.select, opened.load],
            on_select,
            [known, *inputs],
            [known, *outputs],
            api_visibility="private",
            show_progress="hidden",
            queue=False,
        )
