"""The models that are known: filters, and the rows that match."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from vqzoo.ui.components.dataframe import dataframe, table_value
from vqzoo.ui.context import Context
from vqzoo.ui.part import AT_ONCE, QUIET, Part
from vqzoo.views.zoo import COLUMNS, ORIGINS, Filters, Zoo, hub_line

BITS = (256, 1024, 4096, 16384, 65536, 262144)
MEGABYTES = (1, 2, 5, 20, 100, 500)


class Listing(Part):
    """The Hub's state and filters, and with `lay_rows` the table; `drawn` is a state, a hash of its rows."""

    def __init__(self, context: Context, zoo: Zoo):
        super().__init__(context)
        self.zoo = zoo
        with gr.Row(elem_id="zoo-head"):
            self.state = gr.HTML(self._state(), elem_id="zoo-state")
            self.ask = gr.Button("Ask the Hub", size="sm", scale=0, min_width=160, visible=zoo.hub, elem_id="zoo-ask")
        choices = zoo.choices()
        with gr.Row(elem_id="zoo-filters"):
            text = gr.Textbox(label="Search", placeholder="looc, sinusoidal ...", elem_id="zoo-search", min_width=180)
            quantizer = _filter("Quantizer", choices["quantizer"], "zoo-quantizer")
            dataset = _filter("Data set", choices["dataset"], "zoo-dataset")
            max_bits = _filter("True bits at most", [(f"{limit:,}", limit) for limit in BITS], "zoo-bits")
            max_megabytes = _filter("MB at most", [(f"{limit:,}", limit) for limit in MEGABYTES], "zoo-megabytes")
            author = _filter("Author", choices["author"], "zoo-author")
            origin = _filter("Where", list(ORIGINS.values()), "zoo-origin")
            self.clear = gr.Button("Clear", scale=0, min_width=80, elem_id="zoo-clear")
        self.filters: list[Any] = [text, quantizer, dataset, max_bits, max_megabytes, author, origin]
        self.by_name = {"quantizer": quantizer, "dataset": dataset, "author": author}

    def lay_rows(self) -> None:
        """Lay the table out, here."""
        rows = self.zoo.rows(Filters())
        self.count = gr.HTML(_count(len(rows), len(rows)), elem_id="zoo-count")
        quiet: dict[str, Any] = {"label": "Models", "show_label": False, "buttons": []}
        self.table = dataframe(COLUMNS, "zoo-table", value=table_value(list(COLUMNS), rows), max_height=640, **quiet)
        self.disk = gr.HTML("", elem_id="zoo-disk")
        self.drawn = gr.State(_hash(rows))

    def follow(self, chosen: gr.Dropdown) -> None:
        """List what matches, and its names as the choices of `chosen`, the model that is looked at closely."""
        self.chosen = chosen
        inputs, rows = [self.drawn, *self.filters], [self.table, self.count, chosen, self.drawn]
        everything = [*rows, self.state, *self.by_name.values(), self.disk]
        self.again: dict[str, Any] = {"fn": self.show, "inputs": inputs, "outputs": everything, **QUIET}
        """An event that lists all anew."""
        self.context.when_seen(self._on_seen, inputs, everything, show_progress="hidden")
        self.ask.click(self._on_ask, inputs, everything, **QUIET)
        gr.on(
            [each.change for each in self.filters],
            self.show_rows,
            inputs,
            rows,
            trigger_mode="always_last",
            **AT_ONCE,
        )
        self.clear.click(lambda: ["", *[None] * (len(self.filters) - 1)], None, self.filters, **AT_ONCE)
        self.table.select(_row_name, None, chosen, **AT_ONCE)

    def show_rows(self, old: int | None, *wanted: Any) -> dict[Any, Any]:
        """Return the values of the rows; the table stays as it is, sorted and scrolled, where it has the same."""
        rows = self.zoo.rows(filters_of(*wanted))
        new = _hash(rows)
        if new == old:
            return {self.drawn: new}
        return {
            self.table: table_value(list(COLUMNS), rows),
            self.count: _count(len(rows), len(self.zoo.entries) + len(self.zoo.damaged)),
            self.chosen: gr.update(choices=[row[0] for row in rows]),
            self.drawn: new,
        }

    def show(self, old: int | None, *wanted: Any) -> dict[Any, Any]:
        """Return all values."""
        choices = self.zoo.choices()
        return {
            **self.show_rows(old, *wanted),
            self.state: self._state(),
            **{component: gr.update(choices=choices[name]) for name, component in self.by_name.items()},
            self.disk: f"<p>On disk: {escape(self.zoo.disk())}.</p>",
        }

    def _on_seen(self, old: int | None, *wanted: Any) -> Iterator[dict[Any, Any]]:
        """Read the disk; the Hub is asked by a click alone."""
        self.zoo.refresh()
        yield self.show(old, *wanted)

    def _on_ask(self, old: int | None, *wanted: Any) -> Iterator[dict[Any, Any]]:
        yield {self.state: self._state(asking=True)}
        self.zoo.ask(again=True)
        yield self.show(old, *wanted)

    def _state(self, asking: bool = False) -> str:
        hub = self.zoo.hub
        line = hub_line(self.zoo.now, asking) if hub else "This app offers what it was started with; it asks no Hub."
        damaged = "".join(f"<p>Left out: {escape(each.why)}.</p>" for each in self.zoo.damaged)
        return f'<p role="status">{escape(line)}</p>{damaged}'


def filters_of(
    text: str,
    quantizer: str | None,
    dataset: str | None,
    max_bits: float | None,
    max_megabytes: float | None,
    author: str | None,
    origin: str | None,
) -> Filters:
    """Return the filters that fields ask for, of which empty ones ask for nothing."""
    return Filters(text, quantizer or None, dataset or None, max_bits, max_megabytes, author or None, origin or None)


def _filter(label: str, choices: list[Any], elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(choices, value=None, label=label, min_width=130, elem_id=elem_id)


def _row_name(selected: gr.SelectData) -> str:
    return str(selected.row_value[0])


def _hash(rows: list[list[Any]]) -> int:
    return hash(repr(rows))


def _count(number: int, of: int) -> str:
    if not number:
        return "<p>No model is so: clear a filter, or allow more bits or megabytes.</p>"
    return f"<p>{number:,} of {of:,} models</p>"
