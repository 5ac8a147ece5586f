"""The bar that stays in sight: how far the comparison is, and the buttons that start and stop it."""

from html import escape
from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.part import Part
from vqzoo.views.comparison import Status

_FIRST = Status("running", "The first comparison is being computed.")

STOPPING = """
() => {
  const line = document.querySelector('#status .status[data-kind=running]');
  if (line) line.textContent = 'Stopping behind the model that is being computed.';
}
"""
"""Script of the button Stop, which answers before the server does."""


class Bar(Part):
    """A line of status, Compare and Stop."""

    def __init__(self, context: Context, opened: dict[str, Any]):
        super().__init__(context)
        with gr.Row(elem_id="above"):
            self.status = gr.HTML(status_line(opened.get("status", _FIRST)), elem_id="status")
            self.go = gr.Button("Compare", variant="primary", elem_id="compare", size="md", scale=0, min_width=110)
            self.stop = gr.Button("Stop", elem_id="stop", size="md", scale=0, min_width=70)


def status_line(status: Status, stamp: int = 0) -> str:
    """Return the status of a comparison as HTML; `stamp` is when it was asked for, so that no two lines are equal."""
    return (
        f'<div class="status" role="status" data-kind="{status.kind}" data-stamp="{stamp}">{escape(status.text)}</div>'
    )
