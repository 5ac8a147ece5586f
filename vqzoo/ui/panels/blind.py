"""The panel of blind comparisons: two of the compared without names, a vote, then the names."""

from random import Random
from typing import Any

import gradio as gr

from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
from vqzoo.views.blind import REVEALED, TALLIED, VOTES, Trial, Vote, agreement, cast, draw, tally
from vqzoo.views.pictures import viewer_value

NAME = "Blind test"

_ABOUT = (
    "Two of the rows above are drawn at random and shown without their names, the original between them. Zoom, slide "
    "and blink as above; names and figures come after the vote. Votes are counted for this visit alone."
)
_EMPTY = "Press “Draw two”: two of what is compared above are shown without their names."


def build(context: Context, listed: gr.State) -> None:
    """Lay it out; `listed`: a state (path, longest, names), what the rows of the comparison are."""
    engine, random = context.engine, Random()
    trial, votes = gr.State(None), gr.State(())
    gr.Markdown(_ABOUT, elem_classes="hint")
    draw_button = gr.Button("Draw two", elem_id="blind-draw", variant="primary")
    pictures = viewer(viewer_value([]), "blind-viewer", measured=False, empty=_EMPTY)
    with gr.Row(elem_id="blind-votes"):
        buttons = [gr.Button(choice, interactive=False, min_width=110) for choice in VOTES]
    verdict = gr.Markdown(elem_id="blind-verdict")
    quiet: dict[str, Any] = {"interactive": False, "wrap": True, "show_search": "none"}
    revealed = gr.Dataframe(headers=list(REVEALED), visible=False, label="Revealed", elem_id="blind-revealed", **quiet)
    counts = gr.Dataframe(headers=list(TALLIED), visible=False, label="This visit", elem_id="blind-tally", **quiet)

    def on_draw(of: tuple, before: tuple[Vote, ...]) -> tuple[Any, ...]:
        with told():
            drawn, value = draw(engine, of, before, random)
        return drawn, value, "", gr.Dataframe(visible=False), *(gr.Button(interactive=True) for _ in buttons)

    def on_vote(drawn: Trial | None, before: tuple[Vote, ...], choice: str) -> tuple[Any, ...]:
        closed = [gr.Button(interactive=False) for _ in buttons]
        if drawn is None:  # a second click that came before the buttons were closed
            return (*(gr.skip() for _ in range(5)), *closed)
        with told():
            vote, rows = cast(engine, drawn, choice)
        all_votes = (*before, vote)
        named = f"**{choice}.** The left one is {drawn.left}, the right one {drawn.right}. {agreement(all_votes)}"
        return (
            None,
            all_votes,
            named,
            gr.Dataframe(rows, visible=True),
            gr.Dataframe(tally(all_votes), visible=True),
            *closed,
        )

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    draw_button.click(on_draw, [listed, votes], [trial, pictures, verdict, revealed, *buttons], **private)
    for button in buttons:
        button.click(on_vote, [trial, votes, button], [trial, votes, verdict, revealed, counts, *buttons], **private)
