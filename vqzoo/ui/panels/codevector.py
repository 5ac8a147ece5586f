"""One codevector in several places: the grid of tokens, the map, the list of the most used, and its patches."""

from typing import Any

import gradio as gr

from vqzoo.ui.components.files import read
from vqzoo.ui.components.scatter import scatter
from vqzoo.ui.components.tokens import tokens
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.edits import Edits
from vqzoo.ui.part import LATEST, Part
from vqzoo.views.codebook_map import map_value
from vqzoo.views.comparison import Comparison
from vqzoo.views.inspector import Inspector
from vqzoo.views.patches import codevector_page, uses
from vqzoo.views.tokens import tokens_value


class Codevector(Part):
    """Where a codevector can be picked and is shown; `picked` is a state, its index or None."""

    def __init__(self, context: Context, inspector: Inspector):
        super().__init__(context)
        self.inspector = inspector
        with gr.Row():
            with gr.Column(min_width=300):
                gr.Markdown("### Tokens of this image")
                self.grid = tokens("codebook-tokens")
            with gr.Column(min_width=300):
                gr.Markdown("### The codebook, flattened")
                self.map = scatter("codebook-map")
        gr.Markdown("### One codevector")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                self.index = gr.Number(
                    None,
                    label="Codevector",
                    info="Its index; or click a cell, a point or a row.",
                    precision=0,
                    minimum=0,
                    elem_id="codebook-index",
                )
                self.most = gr.Dataframe(
                    headers=["most used here", "this image", "test split"],
                    datatype=["number", "number", "str"],
                    interactive=False,
                    max_height=300,
                    show_search="none",
                    elem_id="codebook-most",
                )
            with gr.Column(scale=3, min_width=300):
                self.patches = gr.HTML("", js_on_load=read("popup", "js"), elem_id="codebook-patches")
        self.picked = gr.State(None)

    @property
    def components(self) -> list[Any]:
        """All that `show` gives values of."""
        return [self.grid, self.map, self.patches, self.picked, self.index, self.most]

    def show(self, shown: Comparison, name: str, label: str | None, number: int | None) -> dict[Any, Any]:
        """Return the values for the codevector of an index in one column of a model's indices, or for none."""
        encoded, test = self.inspector.inspect(name, shown), self.inspector.test_counts(name)
        layer = self.inspector.layer(encoded, label)
        return {
            self.grid: tokens_value(encoded, layer, test, number),
            self.map: map_value(self.inspector, name, shown, encoded, layer, number),
            self.most: uses(encoded, layer, test),
            self.patches: codevector_page(self.inspector, name, shown, label, number),
            self.picked: number,
            self.index: number,
        }

    def follow(self, model: gr.Dropdown, column: gr.Dropdown, edits: Edits) -> None:
        """Show what is picked anywhere, of a model and a column, and offer its cell and its index to `edits`."""
        self.edits = edits
        of = [self.context.shown, model, column]
        outputs = [each for each in self.components if each is not self.most]
        column.input(self._on_column, [*of, self.picked], self.components, **LATEST)
        picks: dict[str, Any] = {"outputs": [*outputs, edits.row, edits.column, edits.new], **LATEST}
        self.grid.select(self._on_cell, of, **picks)
        self.map.select(self._on_point, of, **picks)
        self.most.select(self._on_row, of, **picks)
        self.index.submit(self._on_index, [*of, self.index, self.picked], **picks)
        self.index.blur(self._on_index, [*of, self.index, self.picked], **picks)

    def _pick(self, shown: Comparison, name: str, label: str, number: int | None, picked_in: Any) -> dict[Any, Any]:
        """Return the values for a codevector, except those of the list and of the component it was picked in."""
        with show_errors():
            values = self.show(shown, name, label, number)
        new = {} if number is None else {self.edits.new: number}
        return {part: value for part, value in values.items() if part not in (self.most, picked_in)} | new

    def _on_column(self, shown: Comparison, name: str, label: str, chosen: int | None) -> dict[Any, Any]:
        with show_errors():
            encoded = self.inspector.inspect(name, shown)
            # Of another codebook the same index is another codevector.
            return self.show(shown, name, label, chosen if len(set(encoded.codebook_of)) == 1 else None)

    def _on_cell(self, shown: Comparison, name: str, label: str, cell: gr.EventData) -> dict[Any, Any]:
        cell_of = {self.edits.row: cell.row + 1, self.edits.column: cell.column + 1}
        return self._pick(shown, name, label, cell.index, self.grid) | cell_of

    def _on_point(self, shown: Comparison, name: str, label: str, point: gr.EventData) -> dict[Any, Any]:
        return self._pick(shown, name, label, point.index, self.map)

    def _on_row(self, shown: Comparison, name: str, label: str, row: gr.SelectData) -> dict[Any, Any]:
        return self._pick(shown, name, label, int(row.row_value[0]), self.most)

    def _on_index(
        self, shown: Comparison, name: str, label: str, number: int | None, before: int | None
    ) -> dict[Any, Any]:
        if number == before:
            return {self.picked: gr.skip()}
        return self._pick(shown, name, label, number, self.index)
