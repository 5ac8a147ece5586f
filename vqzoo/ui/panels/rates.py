"""The tabs of the page of rates that are of the models measured on one data set."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from vqzoo.metrics.table import METRICS
from vqzoo.ui.components.dataframe import dataframe, table_value
from vqzoo.ui.components.peek import peek
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import LATEST, TELLING, TabPart
from vqzoo.views.comparison import Comparison
from vqzoo.views.rate import AXES, Rates, own_points
from vqzoo.views.rate_against import AGAINST_ABOUT, AGAINST_COLUMNS, against_codecs
from vqzoo.views.rate_answer import answer_figure, bits_for, describe
from vqzoo.views.rate_costs import (
    COST_ABOUT,
    COST_COLUMNS,
    ENTROPY_ABOUT,
    ENTROPY_COLUMNS,
    cost_table,
    entropy_figure,
    entropy_table,
    opening_model,
)
from vqzoo.views.rate_figure import TABLE_COLUMNS, fit_figure, rate_figure, rate_table, story
from vqzoo.views.rate_fit import describe_bits, describe_law, groups, law_of
from vqzoo.views.rate_peek import picture_of
from vqzoo.views.style import message
from vqzoo.views.table import csv_link

_FIRST_PSNR = 30.0
TEXTS = {"model", "kind", "by"}
"""Headings of columns that hold text."""
_WIDE = {"model": 285, "kind": 215, "by": 200}
"""Pixels that the cells of a column need, where they are longer than its heading."""


class Models(TabPart):
    """A metric against an axis of cost: a figure, what it tells in words, and tables."""

    opens_page = True

    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Models")
        self.rates, self.dataset = rates, dataset
        with self.tab:
            with gr.Row():
                self.metric = gr.Dropdown(_metrics(rates, dataset.value), label="Quality", elem_id="rate-metric")
                axis = gr.Dropdown(list(AXES), value=next(iter(AXES)), label="Cost", elem_id="rate-axis")
            self.figure = gr.Plot(message("..."), show_label=False, elem_id="rate-figure", elem_classes="rate-figure")
            self.peek = peek("rate-peek", "#rate-figure")
            self.story = gr.Markdown(elem_id="rate-story")
            with gr.Accordion("Add points of your own", open=False, elem_id="rate-own-points"):
                own = gr.Textbox(
                    "",
                    lines=3,
                    label="Your points",
                    placeholder="my model, 0.5, 27.3",
                    info="A line each: a name, bits per pixel, and the quality chosen above.",
                    elem_id="rate-own",
                )
            self.table = rate_dataframe(TABLE_COLUMNS, "rate-table")
            self.link = gr.HTML()
            gr.Markdown("### Against image codecs", elem_classes="rate-head")
            self.against = rate_dataframe(AGAINST_COLUMNS, "rate-against")
            gr.Markdown(AGAINST_ABOUT, elem_classes="hint")
        self.inputs = [dataset, self.metric, axis, own]
        self.outputs = [self.figure, self.story, self.table, self.link, self.against]

    def watch(self) -> None:
        """Offer the metrics of the data set, too, and show the picture of the point that is pointed at."""
        self.dataset.change(self._on_dataset, [self.dataset, self.metric], self.metric, **TELLING)
        super().watch()
        self.peek.select(self._on_point, [self.context.shown, self.dataset], self.peek, **LATEST)

    def show(self, dataset: str, metric: str, axis: str, own: str) -> dict[Any, Any]:
        """Return the values for a data set, a metric, an axis and the lines of a visitor's own points."""
        rows = rate_table(self.rates, dataset)
        points = own_points(own, metric, self.rates.pixels(dataset))
        return {
            self.figure: rate_figure(self.rates, dataset, axis, metric, points),
            self.story: story(self.rates, dataset, axis, metric),
            self.table: table_value(TABLE_COLUMNS, rows),
            self.link: csv_link(f"vqzoo-{dataset}.csv", TABLE_COLUMNS, rows),
            self.against: table_value(AGAINST_COLUMNS, against_codecs(self.rates, dataset, metric, points)),
        }

    def _on_dataset(self, dataset: str, metric: str) -> Any:
        return choices_with(_metrics(self.rates, dataset), metric)

    def _on_point(self, shown: Comparison, dataset: str, event: gr.EventData) -> Any:
        with show_errors():
            return picture_of(self.engine, shown, str(event.name), self.rates.pixels(dataset))


class Bits(TabPart):
    """The bits that a quality takes, from what was measured, and by a power law through a group of models."""

    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Bits for a quality")
        self.rates, self.dataset = rates, dataset
        with self.tab:
            with gr.Row():
                self.metric = gr.Dropdown(_metrics(rates, dataset.value), label="Quality", elem_id="rate-wish-metric")
                quality = gr.Number(_FIRST_PSNR, label="Wanted: at least this good", elem_id="rate-wish")
            self.answer = gr.Markdown(elem_id="rate-answer")
            self.figure = gr.Plot(message("..."), show_label=False, elem_id="rate-bits", elem_classes="rate-figure")
            with gr.Accordion("A power law through the points", open=False, elem_id="rate-law-part"):
                self.group = gr.Dropdown([], label="Fit a power law through", elem_id="rate-group")
                self.law = gr.Plot(message("..."), show_label=False, elem_id="rate-law", elem_classes="rate-figure")
                self.about = gr.Markdown(elem_id="rate-law-about", elem_classes="hint")
        self.inputs = [dataset, self.metric, quality, self.group]
        self.outputs = [self.answer, self.figure, self.group, self.law, self.about]

    def watch(self) -> None:
        """Offer the metrics of the data set, too."""
        self.dataset.change(
            lambda d, m: choices_with(_metrics(self.rates, d), m), self.inputs[:2], self.metric, **TELLING
        )
        super().watch()

    def show(self, dataset: str, metric: str, quality: float | None, group: str | None) -> dict[Any, Any]:
        """Return the values for a data set, a quality and a group of the models."""
        law = self._law(dataset, quality if metric == "psnr" else None, group)
        if quality is None:
            return {self.answer: "Say which quality is wanted.", self.figure: message("No quality is wanted."), **law}
        answer = bits_for(self.rates, dataset, metric, quality)
        return {self.answer: describe(answer), self.figure: answer_figure(self.rates, dataset, answer), **law}

    def _law(self, dataset: str, psnr: float | None, group: str | None) -> dict[Any, Any]:
        names = list(groups(self.rates, dataset))
        if not names:
            few = "Three models of different rates are needed to fit a law, and there are fewer here."
            return {self.group: gr.update(choices=[], value=None), self.law: message(few), self.about: ""}
        name = group if group in names else names[0]
        points, law = law_of(self.rates, dataset, name)
        try:
            bits = describe_bits(law, psnr) if psnr is not None else "The law is one of PSNR."
        except ValueError as error:  # an answer, too: the law is still shown
            bits = str(error)
        return {
            self.group: gr.update(choices=names, value=name),
            self.law: fit_figure(points, law, psnr),
            self.about: f"{bits} {describe_law(law, points)}",
        }


class Costs(TabPart):
    """What a lookup costs, a table."""

    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Cost of a lookup")
        self.rates = rates
        with self.tab:
            self.table = rate_dataframe(COST_COLUMNS, "rate-costs")
            self.link = gr.HTML()
            gr.Markdown(COST_ABOUT, elem_classes="hint")
        self.inputs, self.outputs = [dataset], [self.table, self.link]

    def show(self, dataset: str) -> dict[Any, Any]:
        """Return the values for a data set."""
        rows = cost_table(self.rates, dataset)
        return {
            self.table: table_value(COST_COLUMNS, rows),
            self.link: csv_link(f"vqzoo-{dataset}-lookup.csv", COST_COLUMNS, rows),
        }


class Entropy(TabPart):
    """What entropy coding would save: a table, and of one model a figure of its columns."""

    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Entropy coding")
        self.rates = rates
        with self.tab:
            self.table = rate_dataframe(ENTROPY_COLUMNS, "rate-entropy")
            self.link = gr.HTML()
            gr.Markdown(ENTROPY_ABOUT, elem_classes="hint")
            self.model = gr.Dropdown([], label="Column by column", elem_id="rate-entropy-model")
            self.figure = gr.Plot(message("..."), show_label=False, elem_id="rate-columns")
        self.inputs, self.outputs = [dataset, self.model], [self.table, self.link, self.model, self.figure]

    def show(self, dataset: str, name: str | None) -> dict[Any, Any]:
        """Return the values for a data set and a model of it."""
        rows = entropy_table(self.rates, dataset)
        names = [row[0] for row in rows]
        if not names:
            return {self.figure: message("No usage was counted here."), self.table: [], self.link: ""}
        known = name is not None and name in names
        if name is None or not known:
            name = opening_model(self.rates, dataset)
        return {
            self.table: table_value(ENTROPY_COLUMNS, rows),
            self.link: csv_link(f"vqzoo-{dataset}-entropy.csv", ENTROPY_COLUMNS, rows),
            # A choice is left alone: an update of it would arrive as a second choice.
            self.model: gr.update(choices=names) if known else gr.update(choices=names, value=name),
            self.figure: entropy_figure(self.rates, dataset, name),
        }


def choices_with(choices: list[tuple[str, str]], value: str) -> Any:
    """Return the update of a choice that keeps its value where there still is one of that name."""
    values = [name for _, name in choices]
    return gr.update(choices=choices, value=value if value in values else values[0])


def rate_dataframe(columns: Sequence[str], elem_id: str) -> gr.Dataframe:
    """Make the table of a tab, its columns as wide as their headings."""
    wide = {name: max(_WIDE.get(name, 90), 26 + 8 * max(map(len, name.split()))) for name in columns}
    return dataframe(
        {name: ("str" if name in TEXTS else "number", f"{width}px") for name, width in wide.items()},
        elem_id,
        show_label=False,
        max_height=460,
        elem_classes="rate-table",
    )


def _metrics(rates: Rates, dataset: str) -> list[tuple[str, str]]:
    return [(METRICS[name].title, name) for name in rates.metrics(dataset)]
