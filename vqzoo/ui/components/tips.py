"""Tooltips of the headings of tables and of the names of models, on every page."""

from typing import Any

import gradio as gr

_SCRIPT = """
document.addEventListener("pointerover", (event) => {
  const cell = event.target.closest?.("th, td, [role=columnheader], [role=gridcell], [role=option], label");
  if (!cell || !props.value) return;
  const { heads, models } = props.value;
  const texts = [cell.title, cell.textContent].map((text) => text.trim()); // Gradio's headings have a button in them
  const of = (known) => texts.map((text) => known[text]).find(Boolean);
  const tip = (cell.matches("th, [role=columnheader]") && of(heads)) || of(models);
  if (tip && cell.title !== tip) cell.title = tip;
});
"""


def tips(value: dict[str, Any]) -> gr.HTML:
    """Create the component, which has no size; its value is that of `vqzoo.views.tips.tips`."""
    return gr.HTML(value, html_template="<span hidden></span>", js_on_load=_SCRIPT, elem_id="tips", padding=False)
