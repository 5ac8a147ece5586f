"""The page of studies: a tab for each, with the verdict on its claims first and its tables behind."""

import re
from typing import Any, NamedTuple

import gradio as gr

from vqzoo.ops.check import check_choice
from vqzoo.studies import STUDIES
from vqzoo.studies.claims import claims
from vqzoo.studies.reported import OFFERED
from vqzoo.ui.components.dataframe import dataframe
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import LATEST, QUIET, Part
from vqzoo.views.claims import claim_figure, claim_record, claims_html, verdict_counts
from vqzoo.views.studies import (
    ABOUT,
    COLUMNS,
    ORDERS,
    Order,
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
)

NAME = "Studies"

_NO_TABLES = "This study's figures are pictures and nothing of it was measured here: there are only its claims."
_OPEN = "Open questions"
_CLICKS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-claim]");
  if (button) trigger("click", { claim: button.dataset.claim });
});
"""
_TO_TABLE = "() => setTimeout(() => document.querySelector('#studies-tables').scrollIntoView({block: 'start'}), 300)"


class View(NamedTuple):
    """What the tables show: a table of a study, a data set, a metric, and the order of the rows."""

    study: str
    table: str | None
    dataset: str | None
    metric: str
    order: Order


_STUDY, _TABLE = next(iter(STUDIES)), "5"
"""What the page opens with: the main table of the first study."""


def build(context: Context) -> None:
    """Lay the page out: the claims when it is first looked at, the tables when they are unfolded."""
    gr.Markdown(verdict_counts(), elem_id="studies-summary")
    lists = []
    with gr.Tabs(elem_id="studies-tabs"):
        tabs = {
            study: gr.Tab(re.split(r"[:(]| on | for ", title)[0].strip(), id=study) for study, title in STUDIES.items()
        }
        for study, tab in tabs.items():
            with tab:
                gr.Markdown(f"**{STUDIES[study]}**. {verdict_counts(study)}")
                lists.append(gr.HTML("", js_on_load=_CLICKS, elem_classes="claims", elem_id=f"claims-{study}"))
        if questions := open_questions():
            with gr.Tab(_OPEN, id=_OPEN):
                gr.Markdown(questions, elem_id="studies-open")
    seen = gr.State(False)
    context.selected.then(_claims, seen, [*lists, seen], **QUIET)
    table = Table(context)
    for study, tab in tabs.items():
        table.follow_study(study, tab)
    table.watch()
    for each in lists:
        table.follow_claims(each)
    gr.api(studies, api_name="studies")
    gr.api(study_claims, api_name="claims")


def _claims(seen: bool) -> list[Any]:
    """Return the claims of every study, and that they are there; nothing if they already were."""
    return [gr.skip()] * (len(STUDIES) + 1) if seen else [*map(claims_html, STUDIES), True]


class Table(Part):
    """A table of a study, reported beside measured, and a figure of it; `drawn` is a state, the `View` they are of."""

    def __init__(self, context: Context):
        super().__init__(context)
        self.study = gr.State(_STUDY)
        with gr.Accordion("Tables: reported beside measured", open=False, elem_id="studies-tables") as self.fold:
            self.controls = self._lay_controls()
            self.note = gr.Markdown("", elem_id="studies-note")
            with gr.Row(elem_id="studies-both") as self.both:
                with gr.Column(scale=5, min_width=320):
                    self.rows = dataframe(COLUMNS, "studies-table", show_label=False, max_height=760)
                with gr.Column(scale=3, min_width=300):
                    self.chart = gr.Plot(show_label=False, elem_id="studies-figure", buttons=[])
            gr.Markdown(ABOUT, elem_classes="hint")
        self.drawn = gr.State(None)
        self.view: list[Any] = [self.study, self.number, self.dataset, self.metric, self.order]
        self.outputs = [self.drawn, *self.view, self.controls, self.both, self.note, self.rows, self.chart]

    def _lay_controls(self) -> gr.Row:
        datasets, metrics = table_datasets(_STUDY, _TABLE), table_metrics(_STUDY, _TABLE)
        # A click that comes while the choices change still has the old ones: `show` puts right what is not there.
        free: dict[str, Any] = {"allow_custom_value": True}
        controls: gr.Row
        with gr.Row(elem_id="studies-controls") as controls:
            self.number = gr.Dropdown(
                _tables(_STUDY), value=_TABLE, label="Table", **free, elem_id="studies-number", min_width=120
            )
            self.dataset = gr.Dropdown(
                datasets, value=datasets[0], label="Data set", **free, elem_id="studies-dataset", min_width=160
            )
            self.metric = gr.Dropdown(
                _pairs(metrics), value="psnr", label="Measure", **free, elem_id="studies-metric", min_width=160
            )
            self.order = gr.Radio(list(ORDERS), value=ORDERS[0], label="Rows", elem_id="studies-order", min_width=260)
        return controls

    def watch(self) -> None:
        """Draw when the tables are unfolded, and on every choice."""
        self.fold.expand(self._on_choice, [*self.view, self.drawn], self.outputs, **QUIET)
        for control in self.view[1:]:
            handler = self._on_move if control is self.number else self._on_choice
            control.input(handler, [*self.view, self.drawn], self.outputs, **LATEST)

    def follow_study(self, study: str, tab: gr.Tab) -> None:
        """Show the tables of a study once its tab is selected."""

        def on_tab(*values: Any) -> Any:
            _, *rest = values
            return self._on_move(study, *rest)

        tab.select(on_tab, [*self.view, self.drawn], self.outputs, **LATEST)

    def follow_claims(self, claims: gr.HTML) -> None:
        """Unfold the view of a claim on a click on its button."""
        shown = claims.click(self._on_claim, [self.order, self.drawn], [*self.outputs, self.fold], **QUIET)
        shown.then(None, js=_TO_TABLE, api_visibility="private")

    def show(self, wanted: View, drawn: View | None, moved: bool = False) -> Any:
        """Return the values that change; choices that a table does not have are replaced by ones that it has.

        `moved` tells that the study or table is another, which opens with a metric that it reports.
        """
        view = _available(wanted, moved)
        if view == drawn:
            return gr.skip()
        study, table, dataset, metric, order = view
        # Without the order, which nothing here changes: an answer that comes late would undo a later choice.
        values: dict[Any, Any] = {self.drawn: view, self.study: study}
        if table is None or dataset is None:
            hidden = {self.controls: gr.Row(visible=False), self.both: gr.Row(visible=False)}
            return {**values, **hidden, self.note: _NO_TABLES, self.chart: None}
        shown = compared(study, table, dataset, metric, order)
        return {
            **values,
            self.number: gr.Dropdown(_tables(study), value=table),
            self.dataset: gr.Dropdown(table_datasets(study, table), value=dataset),
            self.metric: gr.Dropdown(_pairs(table_metrics(study, table)), value=metric),
            self.controls: gr.Row(visible=True),
            self.both: gr.Row(visible=True),
            self.note: summary(shown),
            self.rows: table_rows(shown, metric),
            self.chart: figure(shown, metric, order),
        }

    def _on_choice(self, *values: Any) -> Any:
        *wanted, drawn = values
        with show_errors():
            return self.show(View(*wanted), drawn)

    def _on_move(self, *values: Any) -> Any:
        *wanted, drawn = values
        with show_errors():
            return self.show(View(*wanted), drawn, moved=True)

    def _on_claim(self, event: gr.EventData, order: Order, drawn: View | None) -> Any:
        with show_errors():
            values = self.show(View(*claim_figure(event.claim), order), drawn)
        opened = {self.fold: gr.Accordion(open=True)}
        return {**values, **opened} if self.drawn in values else opened


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


def study_claims(study: str = "") -> list[dict[str, str]]:
    """Return the claims of a study, or of all if it is empty: the claim, its verdict, and what decides it.

    study: looc, adaptive, rvq or vqgan. weak: what makes the runs behind a claim weak evidence, or empty. command: what
    measures it again.
    """
    with show_errors():
        if study:
            check_choice("study", study, STUDIES)
        return [claim_record(claim) for claim in claims() if study in ("", claim.study)]


def _available(wanted: View, moved: bool) -> View:
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
    return View(study, table, dataset, metric, wanted.order)


def _tables(study: str) -> list[tuple[str, str]]:
    return [(table_label(table), table) for table in study_tables(study)]


def _pairs(metrics: dict[str, str]) -> list[tuple[str, str]]:
    return [(label, metric) for metric, label in metrics.items()]
