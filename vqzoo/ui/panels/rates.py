"""The tabs of the page of rates that are of the models measured on one data set."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from vqzoo.metrics.table import METRICS
from vqzoo.ui.context import Context
from vqzoo.ui.part import TELLING, TabPart
from vqzoo.views.rate import AXES, Rates
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
from vqzoo.views.style import message
from vqzoo.views.table import csv_link

_FIRST_PSNR = 24.0


class Models(TabPart):
    """A metric against an axis of cost: a figure, what it tells in words, and a table."""

    opens_page = True

    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Models")
        self.rates, self.dataset = rates, dataset
        with self.tab:
            with gr.Row():
                self.metric = gr.Dropdown(_metrics(rates, dataset.value), label="Quality", elem_id="rate-metric")
                axis = gr.Dropdown(list(AXES), value=next(iter(AXES)), label="Cost", elem_id="rate-axis")
            self.figure = gr.Plot(message("..."), show_label=False, elem_id="rate-figure")
            self.said = gr.Markdown(elem_id="rate-story")
            self.table = rate_dataframe(TABLE_COLUMNS, "rate-table")
            self.link = gr.HTML()
        self.inputs, self.outputs = [dataset, self.metric, axis], [self.figure, self.said, self.table, self.link]

    def watch(self) -> None:
        """Offer the metrics of the data set, too."""
        self.dataset.change(self._on_dataset, [self.dataset, self.metric], self.metric, **TELLING)
        super().watch()

    def show(self, dataset: str, metric: str, axis: str) -> dict[Any, Any]:
        """Return the values for a data set, a metric and an axis."""
        rows = rate_table(self.rates, dataset)
        return {
            self.figure: rate_figure(self.rates, dataset, axis, metric),
            self.said: story(self.rates, dataset, axis, metric),
            self.table: rows,
            self.link: csv_link(f"vqzoo-{dataset}.csv", TABLE_COLUMNS, rows),
        }

    def _on_dataset(self, dataset: str, metric: str) -> Any:
        return choices_with(_metrics(self.rates, dataset), metric)


class Law(TabPart):
    """The bits that a PSNR takes, by a power law through a group of models."""

    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Bits for a PSNR")
        self.rates = rates
        with self.tab:
            with gr.Row():
                self.group = gr.Dropdown([], label="Fit a power law through", elem_id="rate-group")
                psnr = gr.Number(_FIRST_PSNR, label="PSNR wanted, dB", minimum=1, maximum=100, elem_id="rate-psnr")
            self.answer = gr.Markdown(elem_id="rate-answer")
            self.figure = gr.Plot(message("..."), show_label=False, elem_id="rate-law")
            self.said = gr.Markdown(elem_id="rate-law-said", elem_classes="hint")
        self.inputs, self.outputs = [dataset, self.group, psnr], [self.group, self.answer, self.figure, self.said]

    def show(self, dataset: str, group: str | None, psnr: float | None) -> dict[Any, Any]:
        """Return the values for a data set, a group of its models and a PSNR in dB."""
        names = list(groups(self.rates, dataset))
        if not names:
            few = "Three models of different rates are needed to fit a law, and there are fewer here."
            none = gr.update(choices=[], value=None)
            return {self.group: none, self.answer: few, self.figure: message(few), self.said: ""}
        name = group if group in names else names[0]
        points, law = law_of(self.rates, dataset, name)
        try:
            found = "Say which PSNR is wanted." if psnr is None else describe_bits(law, psnr)
        except ValueError as error:  # an answer, too: the law is still shown
            found = f"**No answer.** {error}"
        return {
            self.group: gr.update(choices=names, value=name),
            self.answer: found,
            self.figure: fit_figure(points, law, psnr),
            self.said: describe_law(law, points),
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
        return {self.table: rows, self.link: csv_link(f"vqzoo-{dataset}-lookup.csv", COST_COLUMNS, rows)}


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
            self.table: rows,
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
    """Make the table of a tab."""
    return gr.Dataframe(
        headers=list(columns),
        datatype=["str" if name in ("model", "kind", "by") else "number" for name in columns],
        interactive=False,
        show_label=False,
        max_height=460,
        wrap=True,
        elem_id=elem_id,
        elem_classes="rate-table",
    )


def _metrics(rates: Rates, dataset: str) -> list[tuple[str, str]]:
    return [(METRICS[name].title, name) for name in rates.metrics(dataset)]
