"""What Gradio remembers of a visit does not grow with what happens in it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
from gradio.state_holder import SessionState

from vqzoo.ui.blocks import Blocks


def test_updates_and_values_in_turn_leave_one_component_each():
    with Blocks() as app:
        page, number = gr.HTML("nothing yet"), gr.Number()
        app.load(lambda: None, None, [page, number])
    (function,) = app.fns.values()
    visit = SessionState(app)

    def shown_for(*returned):
        with ThreadPoolExecutor(1) as pool:  # a browser's tests have a loop of events in this thread
            return pool.submit(asyncio.run, app.postprocess_data(function, list(returned), visit)).result()

    for turn in range(4):
        shown_for(gr.update(visible=turn > 1), gr.skip())
        shown = shown_for(f"turn {turn}", turn)
    assert shown == ["turn 3", 3]
    assert set(visit.blocks_config.blocks) == set(app.blocks) == set(visit.config_values)
    stored = visit.blocks_config.blocks[page._id]
    assert stored.visible and stored._id == page._id and stored is not page
    assert visit.config_values[page._id]["props"]["value"] == "turn 3"
