"""Pictures side by side, or two of them in one place, with one zoom for all and their errors on one scale."""

from pathlib import Path
from typing import Any

import gradio as gr

_TEMPLATE = """
<div class="vq-viewer">
  <div class="vq-note" role="status"></div>
  <div class="vq-bar">
    <button type="button" class="vq-out" aria-label="zoom out">−</button><span class="vq-zoom">1.0×</span>
    <button type="button" class="vq-in" aria-label="zoom in">+</button>
    <button type="button" class="vq-fit">Fit</button>
    <span class="vq-modes" role="group" aria-label="how pictures are shown">
      <button type="button" class="vq-mode" value="all" aria-pressed="true">Side by side</button>
      <button type="button" class="vq-mode" value="slider" aria-pressed="false">Slider</button>
      <button type="button" class="vq-mode" value="blink" aria-pressed="false">Blink</button>
    </span>
    <span class="vq-space"></span>
    <span class="vq-measure">
      <label>Errors against the first
        <select class="vq-errors">
          <option value="heat" selected>heat map</option>
          <option value="tolerance">tolerance map</option>
          <option value="off">off</option>
        </select></label>
      <label><span class="vq-zero">0 <span class="vq-ramp"></span></span> <span class="vq-limit"></span></label>
      <input type="range" class="vq-scale" min="8" max="255" value="64" aria-label="error shown as the brightest">
    </span>
  </div>
  <div class="vq-pair" hidden>
    <div class="vq-bar">
      <label><span class="vq-which">Left</span> <select class="vq-one" aria-label="left picture"></select></label>
      <label><span class="vq-which">Right</span> <select class="vq-two" aria-label="right picture"></select></label>
      <span class="vq-blinking">
        <button type="button" class="vq-swap">Swap</button>
        <label><input type="checkbox" class="vq-auto"> by itself</label>
        <input type="range" class="vq-rate" min="1" max="8" value="2" aria-label="swaps a second">
        <span class="vq-per-second"></span>
        <span class="vq-hold">or hold the space bar on the picture</span>
      </span>
    </div>
    <div class="vq-stage vq-frame" tabindex="0" role="group"
         aria-label="two pictures in one place: plus and minus zoom, arrows move, 0 fits, space swaps">
      <div class="vq-layer"><canvas role="img" aria-label="left one of two"></canvas></div>
      <div class="vq-layer vq-top"><canvas role="img" aria-label="right one of two"></canvas></div>
      <span class="vq-tag vq-left"></span><span class="vq-tag vq-right"></span>
      <div class="vq-divider" tabindex="0" role="slider" aria-label="border between the two pictures" aria-valuemin="0"
           aria-valuemax="100" aria-valuenow="50"></div>
    </div>
  </div>
  <div class="vq-empty" hidden>EMPTY</div>
  <div class="vq-cards" tabindex="0" role="group"
       aria-label="pictures: plus and minus zoom, arrows move, 0 fits"></div>
</div>
"""


def viewer(
    value: dict[str, Any], elem_id: str, errors: bool = True, measured: bool = True, empty: str = "Nothing to show yet."
) -> gr.HTML:
    """The component; its value is what `viewer_value` makes.

    errors: whether they are shown from the start; measured: whether they can be shown at all; empty: said while there
    is no picture.
    """
    here = Path(__file__).parent
    template = _TEMPLATE.replace("EMPTY", empty)
    if not (errors and measured):
        template = template.replace(' value="heat" selected', ' value="heat"').replace('"off"', '"off" selected')
    if not measured:
        template = template.replace('class="vq-viewer"', 'class="vq-viewer vq-bare"')
    return gr.HTML(
        value,
        html_template=template,
        css_template=(here / "viewer.css").read_text(encoding="utf-8"),
        js_on_load=(here / "viewer.js").read_text(encoding="utf-8"),
        elem_id=elem_id,
    )
