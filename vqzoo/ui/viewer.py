"""Pictures side by side with one zoom for all and their errors on one scale: a component that Gradio does not have."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

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


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of the viewer: uint8 pixels (h, w, 3) under a name, with a line of figures."""

    name: str
    pixels: np.ndarray
    caption: str = ""

    @cached_property
    def uri(self) -> str:
        """A data URI of the pixels as a lossless PNG, encoded once."""
        file = io.BytesIO()
        Image.fromarray(self.pixels).save(file, "PNG", compress_level=3)
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def viewer(value: dict[str, Any], elem_id: str) -> gr.HTML:
    """The component; its value is what `viewer_value` makes."""
    here = Path(__file__).parent
    return gr.HTML(
        value,
        html_template=_TEMPLATE,
        css_template=(here / "viewer.css").read_text(encoding="utf-8"),
        js_on_load=(here / "viewer.js").read_text(encoding="utf-8"),
        elem_id=elem_id,
    )


def viewer_value(pictures: Sequence[Picture], note: str = "") -> dict[str, Any]:
    """Pictures of one size, the first of which the errors of the others are taken against."""
    shown = [{"name": p.name, "uri": p.uri, "caption": p.caption} for p in pictures]
    return {"pictures": shown, "note": note}
