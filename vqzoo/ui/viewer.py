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


@dataclass(frozen=True, eq=False)
class Difference:
    """The absolute difference of two pictures that stand before it, drawn on the scale of the errors."""

    name: str
    one: Picture
    two: Picture

    @property
    def caption(self) -> str:
        """Its mean and its largest value over all bytes."""
        difference = np.abs(self.one.pixels.astype(np.int16) - self.two.pixels)
        return f"mean {difference.mean():.2f} / 255 · at most {difference.max()}"


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


def viewer_value(pictures: Sequence[Picture | Difference], note: str = "") -> dict[str, Any]:
    """Pictures of one size, the first of which the errors of the others are taken against."""
    return {"pictures": [_shown(each, pictures) for each in pictures], "note": note}


def _shown(each: Picture | Difference, pictures: Sequence[Picture | Difference]) -> dict[str, Any]:
    if isinstance(each, Picture):
        return {"name": each.name, "caption": each.caption, "uri": each.uri}
    return {"name": each.name, "caption": each.caption, "of": [pictures.index(each.one), pictures.index(each.two)]}
