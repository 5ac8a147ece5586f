"""Tooltips of the headings of tables and of the names of models, on every page."""

from typing import Any

import gradio as gr

_SCRIPT = """
document.addEventListener("pointerover", (event) => {
  const cell = event.target.closest?.("th, td, [role=columnheader], [role=gridcell], [role=option], label");
  const text = cell?.textContent.trim();
  if (!text || text.length > 100 || !props.value) return;
  const { heads, models } = props.value;
  const tip = cell.matches("th, [role=columnheader]") ? heads[text] ?? models[text] : models[text];
  if (tip && cell.title !== tip) cell.title = tip;
});
"""


def tips(value: dict[str, Any]) -> gr.HTML:
    """Create the component, which has no size; its value is that of `vqzoo.views.tips.tips`."""
    return gr.HTML(value, html_template="<span hidden></span>", js_on_load=_SCRIPT, elem_id="tips", padding=False)
