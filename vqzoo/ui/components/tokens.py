"""The grid of tokens over a photograph: point at a cell to read it, pick it to see where its codevector is used."""

from pathlib import Path

import gradio as gr

_TEMPLATE = """
<div class="tk">
  <div class="tk-bar">
    <label>Colour by
      <select class="tk-by">
        <option value="index">index</option><option value="distance">distance</option>
        <option value="here">use in this image</option><option value="test">use on the test split</option>
        <option value="none">nothing</option>
      </select></label>
    <label>Strength <input type="range" class="tk-strength" min="0" max="100" value="55"></label>
    <span class="tk-scale" hidden>
      <span class="tk-low"></span> <span class="tk-ramp"></span> <span class="tk-high"></span></span>
  </div>
  <div class="tk-stage" tabindex="0" role="group"
       aria-label="grid of tokens: arrows move from cell to cell, Enter picks the codevector of the cell">
    <canvas class="tk-base" role="img" aria-label="photograph under its grid of tokens"></canvas>
    <canvas class="tk-top" aria-hidden="true"></canvas>
  </div>
  <div class="tk-read" role="status">Point at a cell, or move over the grid with the arrow keys.</div>
</div>
"""


def tokens(elem_id: str) -> gr.HTML:
    """The component; its value is what `tokens_value` makes, or {} for nothing to show.

    Its `select` event carries row, column and index of a cell that is picked.
    """
    here = Path(__file__).parent
    return gr.HTML(
        {},
        html_template=_TEMPLATE,
        css_template=(here / "tokens.css").read_text(encoding="utf-8"),
        js_on_load=(here / "tokens.js").read_text(encoding="utf-8"),
        elem_id=elem_id,
    )
