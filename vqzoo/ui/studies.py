"""The page of studies: their tables, reported beside measured, and the verdict on each of their claims."""

from typing import Any, NamedTuple

import gradio as gr

from vqzoo.ops.check import check_choice
from vqzoo.studies import STUDIES
from vqzoo.studies.reported import OFFERED
from vqzoo.ui.components.dataframe import dataframe
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import LATEST, QUIET, Part
from vqzoo.views.studies import (
    ABOUT,
    COLUMNS,
    ORDERS,
    Order,
    claim_figure,
    claims_html,
    compared,
    figure,
    open_questions,
    study_tables,
    summary,
    table_datasets,
    table_label,
    table_metrics,
    table_record,
    table_rows,
    verdict_counts,
)

NAME = "Studies"

_NO_TABLES = "This study's figures are pictures and nothing of it was measured here: there are only its claims below."
_CLICKS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-claim]");
  if (button) trigger("click", { claim: button.dataset.claim });
});
"""


class Place(NamedTuple):
    """The view of the page: a table of a study, a data set, a metric, and the order of the rows."""

    study: str
    table: str | None
    dataset: str | None
    metric: str
    order: Order


_STUDY, _TABLE = next(iter(STUDIES)), "5"
"""What the page opens with: the main table of the first study."""


def build(context: Context) -> None:
    """Lay the page out; it draws when it is first looked at."""
    gr.Markdown(verdict_counts(), elem_id="studies-summary")
    table = Table(context)
    gr.Markdown("### Claims", elem_id="studies-heading")
    claims = gr.HTML(claims_html(_STUDY), js_on_load=_CLICKS, elem_id="studies-claims")
    if questions := open_questions():
        with gr.Accordion("Questions that the studies leave open", open=False, elem_id="studies-open"):
            gr.Markdown(questions)
    table.follow(claims)
    gr.api(studies, api_name="studies")


class Table(Part):
    """A table of a study, reported beside measured, and a figure of it; `drawn` is a state, the `Place` they are of."""

    def __init__(self, context: Context):
        super().__init__(context)
        self.study = gr.Dropdown(
            [(title, key) for key, title in STUDIES.items()], value=_STUDY, label="Study", elem_id="study"
        )
        self.controls = self._lay_controls()
        self.said = gr.Markdown("", elem_id="studies-said")
        with gr.Row(elem_id="studies-both") as self.both:
            with gr.Column(scale=5, min_width=320):
                self.rows = dataframe(COLUMNS, "studies-table", show_label=False, max_height=760)
            with gr.Column(scale=3, min_width=300):
                self.chart = gr.Plot(show_label=False, elem_id="studies-figure", buttons=[])
        gr.Markdown(ABOUT, elem_classes="hint")
        self.drawn = gr.State(None)
        self.place: list[Any] = [self.study, self.number, self.dataset, self.metric, self.order]

    def _lay_controls(self) -> gr.Row:
        datasets, metrics = table_datasets(_STUDY, _TABLE), table_metrics(_STUDY, _TABLE)
        # A click that comes while the choices change still has the old ones: `show` puts right what is not there.
        free: dict[str, Any] = {"allow_custom_value": True}
        controls: gr.Row
        with gr.Row(elem_id="studies-controls") as controls:
            self.number = gr.Dropdown(
                _places(_STUDY), value=_TABLE, label="Table", **free, elem_id="studies-number", min_width=120
            )
            self.dataset = gr.Dropdown(
                datasets, value=datasets[0], label="Data set", **free, elem_id="studies-dataset", min_width=160
            )
            self.metric = gr.Dropdown(
                _pairs(metrics), value="psnr", label="Measure", **free, elem_id="studies-metric", min_width=160
            )
            self.order = gr.Radio(list(ORDERS), value=ORDERS[0], label="Rows", elem_id="studies-order", min_width=260)
        return controls

    def follow(self, claims: gr.HTML) -> None:
        """Draw when the page is looked at, on every choice, and on a click on one of the claims, which follow, too."""
        self.claims = claims
        outputs = [self.drawn, *self.place, self.controls, self.both, self.said, self.rows, self.chart, claims]
        self.context.tab.select(self._on_choice, [*self.place, self.drawn], outputs, **QUIET)
        for control in self.place:
            heard = self._on_move if control in (self.study, self.number) else self._on_choice
            control.input(heard, [*self.place, self.drawn], outputs, **LATEST)
        claims.click(self._on_claim, [self.order, self.drawn], outputs, **QUIET)

    def show(self, wanted: Place, drawn: Place | None, moved: bool = False) -> Any:
        """Return the values that change; choices that a table does not have are replaced by ones that it has.

        `moved` tells that the study or table is another, which opens with a metric that it reports.
        """
        place = _that_is_there(wanted, moved)
        if place == drawn:
            return gr.skip()
        study, table, dataset, metric, order = place
        claims: dict[Any, Any] = {} if drawn and study == drawn.study else {self.claims: claims_html(study)}
        values: dict[Any, Any] = {self.drawn: place, self.study: study, self.order: order, **claims}
        if table is None or dataset is None:
            hidden = {self.controls: gr.Row(visible=False), self.both: gr.Row(visible=False)}
            return {**values, **hidden, self.said: _NO_TABLES, self.chart: None}
        shown = compared(study, table, dataset, metric, order)
        return {
            **values,
            self.number: gr.Dropdown(_places(study), value=table),
            self.dataset: gr.Dropdown(table_datasets(study, table), value=dataset),
            self.metric: gr.Dropdown(_pairs(table_metrics(study, table)), value=metric),
            self.controls: gr.Row(visible=True),
            self.both: gr.Row(visible=True),
            self.said: summary(shown),
            self.rows: table_rows(shown, metric),
            self.chart: figure(shown, metric, order),
        }

    def _on_choice(self, *values: Any) -> Any:
        *wanted, drawn = values
        with show_errors():
            return self.show(Place(*wanted), drawn)

    def _on_move(self, *values: Any) -> Any:
        *wanted, drawn = values
        with show_errors():
            return self.show(Place(*wanted), drawn, moved=True)

    def _on_claim(self, event: gr.EventData, order: Order, drawn: Place | None) -> Any:
        with show_errors():
            return self.show(Place(*claim_figure(event.claim), order), drawn)


def studies(study: str, table: str, dataset: str, metric: str = "psnr") -> list[dict[str, Any]]:
    """Return the rows of a study's table on one data set.

    A row holds the setting, the reported value, the values measured at the budgets zoo, short, long and full,
    measured (the value at the longest of them), true bits, and the runs.

    study: looc, adaptive, rvq or vqgan. table: as the paper numbers it, or "all" for every setting that was
    measured, also of the studies that have no tables. metric: psnr, ssim, lpips, l1, rfid,
    reconstruction_loss or usage. A setting without runs is not trained yet.
    """
    with show_errors():
        check_choice("study", study, [key for key in STUDIES if study_tables(key)])
        check_choice("table", table, study_tables(study))
        check_choice("dataset", dataset, table_datasets(study, table))
        return table_record(study, table, dataset, check_choice("metric", metric, OFFERED))


def _that_is_there(wanted: Place, moved: bool) -> Place:
    study, tables = wanted.study, study_tables(wanted.study)
    table = wanted.table if wanted.table in tables else next(iter(tables), None)
    if table is None:
        return wanted._replace(table=None, dataset=None)
    datasets, metrics = table_datasets(study, table), table_metrics(study, table)
    dataset = wanted.dataset if wanted.dataset in datasets else next(iter(datasets), None)
    reported = [
        name for name in metrics if any(e.reported for e in compared(study, table, dataset or "", name, ORDERS[0]))
    ]
    metric = wanted.metric
    if metric not in metrics or (moved and metric not in reported):
        metric = next(iter([*reported, *metrics]), metric)
    return Place(study, table, dataset, metric, wanted.order)


def _places(study: str) -> list[tuple[str, str]]:
    return [(table_label(table), table) for table in study_tables(study)]


def _pairs(metrics: dict[str, str]) -> list[tuple[str, str]]:
    return [(label, metric) for metric, label in metrics.items()]
