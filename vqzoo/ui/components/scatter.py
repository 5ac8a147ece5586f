"""The map of a codebook: points that can be pointed at and picked."""

from pathlib import Path

import gradio as gr

_TEMPLATE = """
<div class="sc">
  <div class="sc-bar">
    <span class="sc-methods" role="group" aria-label="how codevectors are laid out"></span>
    <label><input type="checkbox" class="sc-unused" checked> Unused ones</label>
    <span class="sc-space"></span>
    <a class="sc-csv" href="#" role="button">CSV</a>
  </div>
  <div class="sc-stage" tabindex="0" role="group"
       aria-label="map of the codebook: arrows go from the most used codevector to the least used, Enter picks one">
    <canvas class="sc-base" role="img" aria-label="map of the codebook"></canvas>
    <canvas class="sc-top" aria-hidden="true"></canvas>
  </div>
  <div class="sc-legend"><span><i class="sc-dot"></i> used, the more the larger and the stronger</span>
    <span><i class="sc-ring"></i> used in this image</span><span><i class="sc-cross">×</i> never used</span></div>
  <div class="sc-read" role="status"></div>
  <div class="sc-note"></div>
</div>
"""


def scatter(elem_id: str) -> gr.HTML:
    """The component; its value is what `map_value` makes, or {} for nothing to show.

    Its `select` event carries the index of a codevector that is picked.
    """
    here = Path(__file__).parent
    return gr.HTML(
        {},
        html_template=_TEMPLATE,
        css_template=(here / "scatter.css").read_text(encoding="utf-8"),
        js_on_load=(here / "scatter.js").read_text(encoding="utf-8"),
        elem_id=elem_id,
    )
