"""The panel of blind comparisons: two of the compared without names, a vote, then the names."""

from random import Random
from typing import Any

import gradio as gr

from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import QUIET, Part
from vqzoo.views.blind import REVEALED, TALLIED, VOTES, Trial, Vote, agreement, cast, draw, tally
from vqzoo.views.comparison import Comparison
from vqzoo.views.pictures import viewer_value

NAME = "Blind test"

_ABOUT = (
    "Two of the rows above are drawn at random and shown without their names, the original between them. Zoom, slide "
    "and blink as above; names and figures come after the vote. Votes are counted for this visit alone."
)
_EMPTY = "Press “Draw two”: two of what is compared above are shown without their names."


class Blind(Part):
    """Two pictures without names, buttons to vote, and what the votes of this visit come to."""

    def __init__(self, context: Context, listed: gr.State):
        """Lay the part out for `listed`, the state of the comparison."""
        super().__init__(context)
        self.listed, self.random = listed, Random()
        self.trial, self.votes = gr.State(None), gr.State(())
        gr.Markdown(_ABOUT, elem_classes="hint")
        self.draw = gr.Button("Draw two", elem_id="blind-draw", variant="primary")
        self.pictures = viewer(viewer_value([]), "blind-viewer", measured=False, empty=_EMPTY)
        with gr.Row(elem_id="blind-votes"):
            self.buttons = [gr.Button(choice, interactive=False, min_width=110) for choice in VOTES]
        self.verdict = gr.Markdown(elem_id="blind-verdict")
        self.revealed = _table(REVEALED, "Revealed", "blind-revealed")
        self.counts = _table(TALLIED, "This visit", "blind-tally")

    def watch(self) -> None:
        """Draw and count on clicks."""
        settings = {**QUIET, "show_progress": "minimal"}
        drawn = [self.trial, self.pictures, self.verdict, self.revealed, *self.buttons]
        self.draw.click(self._on_draw, [self.listed, self.votes], drawn, **settings)
        voted = [self.trial, self.votes, self.verdict, self.revealed, self.counts, *self.buttons]
        for button in self.buttons:
            button.click(self._on_vote, [self.trial, self.votes, button], voted, **settings)

    def _on_draw(self, of: Comparison, before: tuple[Vote, ...]) -> tuple[Any, ...]:
        with show_errors():
            drawn, value = draw(self.engine, of, before, self.random)
        return drawn, value, "", gr.Dataframe(visible=False), *self._open(True)

    def _on_vote(self, drawn: Trial | None, before: tuple[Vote, ...], choice: str) -> tuple[Any, ...]:
        if drawn is None:  # a second click that came before the buttons were closed
            return (*[gr.skip()] * 5, *self._open(False))
        with show_errors():
            vote, rows = cast(self.engine, drawn, choice)
        votes = (*before, vote)
        named = f"**{choice}.** The left one is {drawn.left}, the right one {drawn.right}. {agreement(votes)}"
        tables = gr.Dataframe(rows, visible=True), gr.Dataframe(tally(votes), visible=True)
        return (None, votes, named, *tables, *self._open(False))

    def _open(self, interactive: bool) -> list[gr.Button]:
        return [gr.Button(interactive=interactive) for _ in self.buttons]


def _table(columns: tuple[str, ...], label: str, elem_id: str) -> gr.Dataframe:
    return gr.Dataframe(
        headers=list(columns),
        visible=False,
        label=label,
        elem_id=elem_id,
        interactive=False,
        wrap=True,
        show_search="none",
    )
