"""The tab of rates on the photograph of the last comparison: models against image codecs."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import gradio as gr

from vqzoo.metrics.table import METRICS
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.rates import rate_dataframe
from vqzoo.ui.part import TELLING, TabPart
from vqzoo.views.comparison import Comparison
from vqzoo.views.rate import Rates
from vqzoo.views.rate_photo import PHOTO_ABOUT, PHOTO_COLUMNS, PHOTO_METRICS, PhotoRates
from vqzoo.views.style import message
from vqzoo.views.table import csv_link


class Photograph(TabPart):
    """Models and a metric, and what was measured of them; `measured` is a state, of what that is."""

    def __init__(self, context: Context, rates: Rates):
        super().__init__(context, "This photograph")
        self.rates = PhotoRates(rates)
        with self.tab:
            gr.Markdown(
                "The photograph of the last comparison: models against image codecs on this very picture.",
                elem_classes="hint",
            )
            self.models = gr.Dropdown(list(self.engine.models), multiselect=True, label="Models", elem_id="rate-models")
            with gr.Row():
                self.metric = gr.Radio(
                    [(METRICS[name].title, name) for name in PHOTO_METRICS],
                    value="psnr",
                    label="Quality",
                    elem_id="rate-photo-metric",
                )
                self.go = gr.Button("Measure", variant="primary", elem_id="rate-measure", min_width=120)
                self.stop = gr.Button("Stop", elem_id="rate-stop", min_width=60)
            self.note = gr.Markdown(elem_id="rate-note")
            self.figure = gr.Plot(
                message("Press Measure: every model, and every codec at six rates."),
                show_label=False,
                elem_id="rate-photo",
            )
            self.table = rate_dataframe(PHOTO_COLUMNS, "rate-photo-table")
            self.link = gr.HTML()
            gr.Markdown(PHOTO_ABOUT, elem_classes="hint")
        self.measured = gr.State(None)

    def watch(self) -> None:
        """Measure on a click; another metric draws what was measured."""
        shown = self.context.shown
        self.context.when_offered(self._offer, [self.models], self.models)
        self.context.looked_at.then(self._on_look, [shown, self.models], self.models, **TELLING)
        running = self.go.click(
            self.measure,
            [shown, self.models, self.metric],
            [self.figure, self.table, self.note, self.link, self.measured],
            api_name="photograph_rates",
            show_progress="minimal",
        )
        self.stop.click(None, cancels=running, api_visibility="private")
        self.metric.input(self._on_metric, [self.measured, self.metric], self.figure, **TELLING)

    def measure(
        self, request: gr.Request, shown: Comparison, names: list[str], metric: str
    ) -> Iterator[dict[Any, Any]]:
        """Rate and distortion of models and codecs on the photograph of this session's last comparison."""
        limits, of = self.context.limits, replace(shown, models=tuple(names))
        if limits is not None:
            limits.check(names, shown.side)
        with show_errors(), nullcontext() if limits is None else limits.turn(request.session_hash):
            for step in self.rates.compute(of, metric):
                rows = step["table"]
                yield {
                    self.figure: step["figure"],
                    self.table: rows,
                    self.note: step["note"],
                    self.link: csv_link("vqzoo-photograph.csv", PHOTO_COLUMNS, rows),
                    self.measured: of,
                }

    def _offer(self, chosen: list[str] | None) -> Any:
        names = list(self.engine.models)
        return gr.update(choices=names, value=[name for name in chosen or [] if name in names])

    def _on_look(self, shown: Comparison, chosen: list[str] | None) -> Any:
        return gr.skip() if chosen else [name for name in shown.models if name in self.engine.models]

    def _on_metric(self, of: Comparison | None, metric: str) -> Any:
        if of is None:
            return gr.skip()
        with show_errors():
            return self.rates.figure(of, metric)
