"""The tab of rates on the photograph of the last comparison: models against image codecs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from vqzoo.metrics.table import METRICS
from vqzoo.ui.components.dataframe import table_value
from vqzoo.ui.components.peek import peek
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.rates import rate_dataframe
from vqzoo.ui.part import LATEST, TELLING, TabPart
from vqzoo.views.comparison import Comparison
from vqzoo.views.rate import Rates
from vqzoo.views.rate_against import AGAINST_ABOUT, AGAINST_COLUMNS
from vqzoo.views.rate_peek import picture_of
from vqzoo.views.rate_photo import PHOTO_ABOUT, PHOTO_COLUMNS, PHOTO_METRICS, PhotoRates
from vqzoo.views.style import message
from vqzoo.views.table import csv_link, records


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
            self.models = gr.Dropdown(
                list(self.engine.models),
                value=list(context.shown.value.models),
                multiselect=True,
                label="Models",
                elem_id="rate-models",
            )
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
                elem_classes="rate-figure",
            )
            self.peek = peek("rate-photo-peek", "#rate-photo")
            self.table = rate_dataframe(PHOTO_COLUMNS, "rate-photo-table")
            self.link = gr.HTML()
            gr.Markdown(PHOTO_ABOUT, elem_classes="hint")
            gr.Markdown("### Against image codecs", elem_classes="rate-head")
            self.against = rate_dataframe(AGAINST_COLUMNS, "rate-photo-against")
            gr.Markdown(AGAINST_ABOUT, elem_classes="hint")
        self.measured = gr.State(None)
        with self.tab, gr.Row(visible=False):  # for programs
            self.button, self.data = gr.Button(), gr.JSON()

    def watch(self) -> None:
        """Measure on a click; another metric draws what was measured."""
        shown = self.context.shown
        self.context.when_offered(self._offer, [self.models], self.models)
        self.context.selected.then(self._on_selected, [shown, self.models], self.models, **TELLING)
        running = self.go.click(
            self.measure,
            [shown, self.models, self.metric],
            [self.figure, self.table, self.note, self.link, self.measured, self.against],
            api_visibility="private",
            show_progress="minimal",
        )
        self.stop.click(None, cancels=running, api_visibility="private")
        self.metric.input(self._on_metric, [self.measured, self.metric], [self.figure, self.against], **TELLING)
        self.peek.select(self._on_point, self.measured, self.peek, **LATEST)
        self.button.click(
            self.photograph_rates, [shown, self.models, self.metric], self.data, api_name="photograph_rates"
        )

    def measure(
        self, request: gr.Request, shown: Comparison, names: list[str], metric: str
    ) -> Iterator[dict[Any, Any]]:
        """Yield the values of the tab for the photograph of this session's last comparison."""
        of = replace(shown, models=tuple(names))
        for step in self._steps(request, of, metric):
            rows = step["table"]
            yield {
                self.figure: step["figure"],
                self.table: table_value(PHOTO_COLUMNS, rows),
                self.against: table_value(AGAINST_COLUMNS, step["against"]),
                self.note: step["note"],
                self.link: csv_link("vqzoo-photograph.csv", PHOTO_COLUMNS, rows),
                self.measured: of,
            }

    def photograph_rates(
        self, request: gr.Request, shown: Comparison, models: list[str], metric: str
    ) -> dict[str, Any]:
        """Measure models and image codecs on the photograph compared last.

        Args:
            request: of the session.
            shown: the session's last comparison.
            models: their names.
            metric: the quality by which models and codecs are compared.

        Returns:
            {"models": a record per model, "points": name, kind, bits_per_image and quality of all points, "against":
            bits at equal quality against each codec, in percent}.
        """
        *_, last = self._steps(request, replace(shown, models=tuple(models)), metric)
        return {
            "models": records(PHOTO_COLUMNS, last["table"]),
            "points": last["points"],
            "against": records(AGAINST_COLUMNS, last["against"]),
        }

    def _steps(self, request: gr.Request, of: Comparison, metric: str) -> Iterator[dict[str, Any]]:
        limits = self.context.limits
        if limits is not None:
            limits.check(list(of.models), of.side)
        with show_errors(), self.context.turn(request):
            yield from self.rates.compute(of, metric)

    def _offer(self, chosen: list[str] | None) -> Any:
        names = list(self.engine.models)
        return gr.update(choices=names, value=[name for name in chosen or [] if name in names])

    def _on_selected(self, shown: Comparison, chosen: list[str] | None) -> Any:
        return gr.skip() if chosen else [name for name in shown.models if name in self.engine.models]

    def _on_metric(self, of: Comparison | None, metric: str) -> Any:
        if of is None:
            return gr.skip(), gr.skip()
        with show_errors():
            last = self.rates.last(of, metric)
            return last["figure"], table_value(AGAINST_COLUMNS, last["against"])

    def _on_point(self, of: Comparison | None, event: gr.EventData) -> Any:
        with show_errors():
            return gr.skip() if of is None else picture_of(self.engine, of, str(event.name), None)
