"""The page of rate and distortion: what a bit buys, on every axis that it can be counted by."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from vqzoo.metrics.table import METRICS
from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
from vqzoo.views.csv import csv_link
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
from vqzoo.views.rate_fit import bits_said, groups, law_of, law_said
from vqzoo.views.rate_photo import PHOTO_ABOUT, PHOTO_COLUMNS, PHOTO_METRICS, PhotoRates
from vqzoo.views.style import message

NAME = "Rate"

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal", "trigger_mode": "always_last"}
_FIRST_PSNR = 24.0


def build(context: Context) -> None:
    """Lay the page out; each of its parts is computed when it is first looked at."""
    rates = Rates(context.engine)
    datasets = rates.datasets()
    if not datasets:
        gr.Markdown("No model here says what it was measured on.", elem_classes="hint")
        return
    dataset = gr.Radio(datasets, value=datasets[0], label="Measured on", elem_id="rate-dataset")
    context.when_offered(lambda now: _choices([(each, each) for each in rates.datasets()], now), [dataset], dataset)
    with gr.Tabs(elem_id="rate-parts"):
        _Models(context, rates, dataset)
        _Law(context, rates, dataset)
        _Costs(context, rates, dataset)
        _Entropy(context, rates, dataset)
        _Photograph(context, rates)
    _api(rates)


class _Part:
    """A tab inside the page that is brought up to date when it is looked at, and when what it depends on changes."""

    def __init__(self, context: Context, label: str):
        self.page = context
        self.tab = gr.Tab(label, id=label)
        self.context = replace(context, tab=self.tab)
        with self.tab:
            self.drawn = gr.State(None)

    def watch(
        self,
        show: Callable[..., dict[Any, Any]],
        inputs: Sequence[gr.Radio | gr.Dropdown | gr.Number],
        outputs: Sequence[Component],
        first: bool = False,
    ) -> None:
        """`show` makes outputs of inputs; nothing is done while neither inputs nor models have changed. `first`: the
        tab is the one that the page opens with."""

        def on_look(drawn: Any, *values: Any) -> Any:
            """When the tab comes into sight."""
            key = (self.page.engine.changes, *values)
            if drawn == key:
                return gr.skip()
            with told():
                return {**show(*values), self.drawn: key}

        def on_change(drawn: Any, *values: Any) -> Any:
            """What nobody has looked at yet can wait."""
            return gr.skip() if drawn is None else on_look(drawn, *values)

        settings = {"inputs": [self.drawn, *inputs], "outputs": [*outputs, self.drawn], **_QUIET}
        self.context.looked_at.then(on_look, **settings)
        if first:
            self.page.looked_at.then(on_look, **settings)
        self.page.changes.change(on_change, **settings)
        for each in inputs:
            each.change(on_change, **settings)


def _table(columns: Sequence[str], elem_id: str) -> gr.Dataframe:
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


class _Models(_Part):
    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Models")
        with self.tab:
            with gr.Row():
                metric = gr.Dropdown(_metrics(rates, dataset.value), label="Quality", elem_id="rate-metric")
                axis = gr.Dropdown(list(AXES), value=next(iter(AXES)), label="Cost", elem_id="rate-axis")
            figure = gr.Plot(message("..."), show_label=False, elem_id="rate-figure")
            said = gr.Markdown(elem_id="rate-story")
            table = _table(TABLE_COLUMNS, "rate-table")
            link = gr.HTML()

        def show(dataset: str, metric: str, axis: str) -> dict[Any, Any]:
            rows = rate_table(rates, dataset)
            return {
                figure: rate_figure(rates, dataset, axis, metric),
                said: story(rates, dataset, axis, metric),
                table: rows,
                link: csv_link(f"vqzoo-{dataset}.csv", TABLE_COLUMNS, rows),
            }

        dataset.change(
            lambda dataset, metric: _choices(_metrics(rates, dataset), metric), [dataset, metric], metric, **_QUIET
        )
        self.watch(show, [dataset, metric, axis], [figure, said, table, link], first=True)


class _Law(_Part):
    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Bits for a PSNR")
        with self.tab:
            with gr.Row():
                group = gr.Dropdown([], label="Fit a power law through", elem_id="rate-group")
                psnr = gr.Number(_FIRST_PSNR, label="PSNR wanted, dB", minimum=1, maximum=100, elem_id="rate-psnr")
            answer = gr.Markdown(elem_id="rate-answer")
            figure = gr.Plot(message("..."), show_label=False, elem_id="rate-law")
            said = gr.Markdown(elem_id="rate-law-said", elem_classes="hint")

        def show(dataset: str, group_name: str | None, psnr: float | None) -> dict[Any, Any]:
            names = list(groups(rates, dataset))
            if not names:
                few = "Three models of different rates are needed to fit a law, and there are fewer here."
                return {group: gr.update(choices=[], value=None), answer: few, figure: message(few), said: ""}
            name = group_name if group_name in names else names[0]
            points, law = law_of(rates, dataset, name)
            try:
                found = "Say which PSNR is wanted." if psnr is None else bits_said(law, psnr)
            except ValueError as error:  # an answer, too: the law is still shown
                found = f"**No answer.** {error}"
            return {
                group: gr.update(choices=names, value=name),
                answer: found,
                figure: fit_figure(points, law, psnr),
                said: law_said(law, points),
            }

        self.watch(show, [dataset, group, psnr], [group, answer, figure, said])


class _Costs(_Part):
    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Cost of a lookup")
        with self.tab:
            table = _table(COST_COLUMNS, "rate-costs")
            link = gr.HTML()
            gr.Markdown(COST_ABOUT, elem_classes="hint")

        def show(dataset: str) -> dict[Any, Any]:
            rows = cost_table(rates, dataset)
            return {table: rows, link: csv_link(f"vqzoo-{dataset}-lookup.csv", COST_COLUMNS, rows)}

        self.watch(show, [dataset], [table, link])


class _Entropy(_Part):
    def __init__(self, context: Context, rates: Rates, dataset: gr.Radio):
        super().__init__(context, "Entropy coding")
        with self.tab:
            table = _table(ENTROPY_COLUMNS, "rate-entropy")
            link = gr.HTML()
            gr.Markdown(ENTROPY_ABOUT, elem_classes="hint")
            model = gr.Dropdown([], label="Column by column", elem_id="rate-entropy-model")
            figure = gr.Plot(message("..."), show_label=False, elem_id="rate-columns")

        def show(dataset: str, name: str | None) -> dict[Any, Any]:
            rows = entropy_table(rates, dataset)
            names = [row[0] for row in rows]
            if not names:
                return {figure: message("No usage was counted here."), table: [], link: ""}
            known = name is not None and name in names
            if name is None or not known:
                name = opening_model(rates, dataset)
            return {
                table: rows,
                link: csv_link(f"vqzoo-{dataset}-entropy.csv", ENTROPY_COLUMNS, rows),
                # A choice is left alone: an update of it would arrive as a second choice.
                model: gr.update(choices=names) if known else gr.update(choices=names, value=name),
                figure: entropy_figure(rates, dataset, name),
            }

        self.watch(show, [dataset, model], [table, link, model, figure])


class _Photograph(_Part):
    def __init__(self, context: Context, rates: Rates):
        super().__init__(context, "This photograph")
        engine, limits = context.engine, context.limits
        photo = PhotoRates(rates)
        with self.tab:
            gr.Markdown(
                "The photograph of the last comparison: models against image codecs on this very picture.",
                elem_classes="hint",
            )
            models = gr.Dropdown(list(engine.models), multiselect=True, label="Models", elem_id="rate-models")
            with gr.Row():
                metric = gr.Radio(
                    [(METRICS[name].title, name) for name in PHOTO_METRICS],
                    value="psnr",
                    label="Quality",
                    elem_id="rate-photo-metric",
                )
                go_button = gr.Button("Measure", variant="primary", elem_id="rate-measure", min_width=120)
                stop_button = gr.Button("Stop", elem_id="rate-stop", min_width=60)
            note = gr.Markdown(elem_id="rate-note")
            figure = gr.Plot(
                message("Press Measure: every model, and every codec at six rates."),
                show_label=False,
                elem_id="rate-photo",
            )
            table = _table(PHOTO_COLUMNS, "rate-photo-table")
            link = gr.HTML()
            gr.Markdown(PHOTO_ABOUT, elem_classes="hint")
        measured = gr.State(None)

        def offer(chosen: list[str] | None) -> Any:
            names = list(engine.models)
            return gr.update(choices=names, value=[name for name in chosen or [] if name in names])

        def on_look(shown: tuple, chosen: list[str] | None) -> Any:
            return gr.skip() if chosen else [name for name in shown[2] if name in engine.models]

        def on_measure(request: gr.Request, shown: tuple, names: list[str], metric: str) -> Iterator[dict[Any, Any]]:
            """Rate and distortion of models and codecs on the photograph of this session's last comparison."""
            if limits is not None:
                limits.check(names, shown[1])
            with told(), nullcontext() if limits is None else limits.turn(request.session_hash):
                for step in photo.compute(shown[0], shown[1], names, metric):
                    rows = step["table"]
                    new = {figure: step["figure"], table: rows, note: step["note"]}
                    new[link] = csv_link("vqzoo-photograph.csv", PHOTO_COLUMNS, rows)
                    new[measured] = (*shown[:2], tuple(names))
                    yield new

        def on_metric(of: tuple | None, metric: str) -> Any:
            if of is None:
                return gr.skip()
            with told():
                return photo.figure(of[0], of[1], of[2], metric)

        context.when_offered(offer, [models], models)
        self.context.looked_at.then(on_look, [context.shown, models], models, **_QUIET)
        running = go_button.click(
            on_measure,
            [context.shown, models, metric],
            [figure, table, note, link, measured],
            api_name="photograph_rates",
            show_progress="minimal",
        )
        stop_button.click(None, cancels=running, api_visibility="private")
        metric.input(on_metric, [measured, metric], figure, **_QUIET)


def _metrics(rates: Rates, dataset: str) -> list[tuple[str, str]]:
    return [(METRICS[name].title, name) for name in rates.metrics(dataset)]


def _choices(choices: list[tuple[str, str]], value: str) -> Any:
    values = [name for _, name in choices]
    return gr.update(choices=choices, value=value if value in values else values[0])


def _api(rates: Rates) -> None:
    """What the tabs of the registry show, as functions with types."""

    def rate_distortion(dataset: str, metric: str = "psnr", axis: str = "bits per image") -> dict[str, Any]:
        """The models of a data set: a table, and what a metric against an axis of cost tells, in words."""
        with told():
            said = story(rates, dataset, axis, metric)
            return {"columns": TABLE_COLUMNS, "rows": rate_table(rates, dataset), "story": said}

    def bits_for_psnr(dataset: str, psnr: float, group: str = "models with codevectors") -> dict[str, Any]:
        """Bits an image that a PSNR in dB takes by a power law: bits, their 95 % interval, the law's exponent."""
        from vqzoo.analysis.powerlaw import distortion

        with told():
            _, law = law_of(rates, dataset, group)
            bits, low, high = law.bits(distortion(psnr))
        return {"bits": bits, "interval": [low, high], "exponent": law.exponent, "points": law.number}

    def lookup_costs(dataset: str) -> dict[str, Any]:
        """Storage of codebooks and multiplications of a lookup, an image of the test split, of every model."""
        with told():
            return {"columns": COST_COLUMNS, "rows": cost_table(rates, dataset)}

    def entropy_coding(dataset: str) -> dict[str, Any]:
        """Fixed-length and ideally entropy-coded bits, an image of the test split, of every model that counted."""
        with told():
            return {"columns": ENTROPY_COLUMNS, "rows": entropy_table(rates, dataset)}

    for function in (rate_distortion, bits_for_psnr, lookup_costs, entropy_coding):
        gr.api(function, api_name=function.__name__)
