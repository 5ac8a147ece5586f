"""Pictures side by side with one zoom for all and their errors on one scale."""

from pathlib import Path
from typing import Any

import gradio as gr

_TEMPLATE = """
<div class="vq-viewer">
  <div class="vq-note"></div>
  <div class="vq-bar">
    <button class="vq-out" aria-label="zoom out">−</button><span class="vq-zoom">1.0×</span>
    <button class="vq-in" aria-label="zoom in">+</button><button class="vq-fit">Fit</button>
    <span class="vq-space"></span>
    <label><input type="checkbox" class="vq-errors" checked> Absolute difference from the first</label>
    <label>0 <span class="vq-ramp"></span> <span class="vq-limit"></span></label>
    <input type="range" class="vq-scale" min="8" max="255" value="64" aria-label="error shown as the brightest">
  </div>
  <div class="vq-cards"></div>
</div>
"""


def viewer(value: dict[str, Any], elem_id: str, errors: bool = True) -> gr.HTML:
    """The component; its value is what `viewer_value` makes. `errors`: whether they are shown from the start."""
    here = Path(__file__).parent
    return gr.HTML(
        value,
        html_template=_TEMPLATE if errors else _TEMPLATE.replace(" checked", ""),
        css_template=(here / "viewer.css").read_text(encoding="utf-8"),
        js_on_load=(here / "viewer.js").read_text(encoding="utf-8"),
        elem_id=elem_id,
    )
