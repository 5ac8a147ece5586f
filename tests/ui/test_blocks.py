"""What Gradio remembers of a visit does not grow with what happens in it."""

import asyncio

import gradio as gr
from gradio.state_holder import SessionState

from vqzoo.ui.blocks import Blocks


def test_updates_and_values_in_turn_leave_one_component_each():
    with Blocks() as app:
        page, number = gr.HTML("nothing yet"), gr.Number()
        app.load(lambda: None, None, [page, number])
    (function,) = app.fns.values()
    visit = SessionState(app)
    for turn in range(4):
        asyncio.run(app.postprocess_data(function, [gr.update(visible=turn > 1), gr.skip()], visit))
        shown = asyncio.run(app.postprocess_data(function, [f"turn {turn}", turn], visit))
    assert shown == ["turn 3", 3]
    assert set(visit.blocks_config.blocks) == set(app.blocks) == set(visit.config_values)
    kept = visit.blocks_config.blocks[page._id]
    assert kept.visible and kept._id == page._id and kept is not page
    assert visit.config_values[page._id]["props"]["value"] == "turn 3"
