"""Tokens changed by hand: a cell, its new index, and the picture before and after."""

from typing import Any

import gradio as gr

from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import QUIET, Part
from vqzoo.views.comparison import Comparison
from vqzoo.views.edits import Edit, edited
from vqzoo.views.inspector import Inspector
from vqzoo.views.pictures import viewer_value

_NONE = viewer_value([])
_EMPTY = "Pick a cell above, type another index, and press Change: the picture before and after appears here."


class Edits(Part):
    """Fields for a change, buttons, and pictures; `edits` is a state, all changes so far."""

    def __init__(self, context: Context, inspector: Inspector):
        super().__init__(context)
        self.inspector = inspector
        gr.Markdown("### Change a token", elem_id="codebook-change")
        with gr.Row(elem_id="codebook-edit"):
            self.row = gr.Number(1, label="Row", precision=0, minimum=1, min_width=100, elem_id="codebook-row")
            self.column = gr.Number(1, label="Column", precision=0, minimum=1, min_width=100, elem_id="codebook-cell")
            self.new = gr.Number(0, label="New index", precision=0, minimum=0, min_width=100, elem_id="codebook-new")
            self.change = gr.Button("Change", variant="primary", scale=0, min_width=110, elem_id="codebook-apply")
            self.undo = gr.Button("Undo", scale=0, min_width=90, elem_id="codebook-undo")
            self.reset = gr.Button("Reset", scale=0, min_width=90, elem_id="codebook-reset")
        self.pictures = viewer(_NONE, "codebook-viewer", errors=False, empty=_EMPTY)
        self.edits = gr.State(())

    def show_none(self) -> dict[Any, Any]:
        """Return the values without a change."""
        return {self.pictures: _NONE, self.edits: ()}

    def follow(self, model: gr.Dropdown, column: gr.Dropdown) -> None:
        """Change tokens of a model, of one column of its indices."""
        of = [self.context.shown, model]
        changed: dict[str, Any] = {"outputs": [self.pictures, self.edits], **QUIET}
        cell = [column, self.row, self.column, self.new]
        gr.on([self.change.click, self.new.submit], self._on_change, [*of, *cell, self.edits], **changed)
        self.undo.click(self._on_undo, [*of, self.edits], **changed)
        self.reset.click(self.show_none, None, queue=False, **changed)

    def _on_change(
        self,
        shown: Comparison,
        name: str,
        label: str,
        row: int | None,
        cell: int | None,
        number: int | None,
        before: tuple[Edit, ...],
    ) -> dict[Any, Any]:
        with show_errors():
            if row is None or cell is None or number is None:
                raise ValueError("A row, a column and a new index are needed: pick a cell, then type an index.")
            label = self.inspector.layer(self.inspector.inspect(name, shown), label).label
            return self._show(shown, name, (*before, Edit(label, row - 1, cell - 1, number)))

    def _on_undo(self, shown: Comparison, name: str, before: tuple[Edit, ...]) -> dict[Any, Any]:
        with show_errors():
            return self._show(shown, name, before[:-1])

    def _show(self, shown: Comparison, name: str, edits: tuple[Edit, ...]) -> dict[Any, Any]:
        return {self.pictures: edited(self.inspector, name, shown, edits) if edits else _NONE, self.edits: edits}
