"""The page of studies: their tables, reported beside measured, and the verdict on each of their claims."""

from typing import Any

import gradio as gr

from vqzoo.ops.check import check_choice
from vqzoo.studies import STUDIES
from vqzoo.studies.reported import OFFERED
from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
from vqzoo.views.studies import (
    ABOUT,
    COLUMNS,
    ORDERS,
    Order,
    claim_figure,
    claims_html,
    figure,
    look,
    open_questions,
    place_label,
    study_tables,
    summary,
    table_datasets,
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


def build(context: Context) -> None:
    """Lay the page out; it draws when it is first looked at."""
    study = next(iter(STUDIES))
    table = "5"  # the study's main one
    datasets, metrics = table_datasets(study, table), table_metrics(study, table)
    gr.Markdown(verdict_counts(), elem_id="studies-summary")
    which = gr.Dropdown([(title, key) for key, title in STUDIES.items()], value=study, label="Study", elem_id="study")
    # A click that comes while the choices change still has the old ones: `show` puts right what is not there.
    free: dict[str, Any] = {"allow_custom_value": True}
    with gr.Row(elem_id="studies-controls") as controls:
        number = gr.Dropdown(
            _places(study), value=table, label="Table", **free, elem_id="studies-number", min_width=120
        )
        dataset = gr.Dropdown(
            datasets, value=datasets[0], label="Data set", **free, elem_id="studies-dataset", min_width=160
        )
        metric = gr.Dropdown(
            _pairs(metrics), value="psnr", label="Measure", **free, elem_id="studies-metric", min_width=160
        )
        order = gr.Radio(list(ORDERS), value=ORDERS[0], label="Rows", elem_id="studies-order", min_width=260)
    said = gr.Markdown("", elem_id="studies-said")
    with gr.Row(elem_id="studies-both") as both:
        with gr.Column(scale=5, min_width=320):
            rows = gr.Dataframe(
                headers=list(COLUMNS),
                datatype=[kind for kind, _ in COLUMNS.values()],
                column_widths=[width for _, width in COLUMNS.values()],
                interactive=False,
                show_label=False,
                elem_id="studies-table",
                max_height=760,
                show_search="none",
                wrap=True,
            )
        with gr.Column(scale=3, min_width=300):
            chart = gr.Plot(show_label=False, elem_id="studies-figure", buttons=[])
    gr.Markdown(ABOUT, elem_classes="hint")
    gr.Markdown("### Claims", elem_id="studies-heading")
    verdicts = gr.HTML(claims_html(study), js_on_load=_CLICKS, elem_id="studies-claims")
    if questions := open_questions():
        with gr.Accordion("Questions that the studies leave open", open=False, elem_id="studies-open"):
            gr.Markdown(questions)
    drawn = gr.State(())

    controls_of: list[Any] = [which, number, dataset, metric, order]
    outputs = [drawn, *controls_of, controls, both, said, rows, chart, verdicts]

    def show(
        moved: bool,
        study: str,
        number: str | None,
        dataset: str | None,
        metric: str,
        order: Order,
        drawn: tuple,
    ) -> Any:
        """What changes; whatever a table does not have gives way to what it has.

        moved: to another study or table, which opens on a measure that it reports.
        """
        numbers = study_tables(study)
        number = number if number in numbers else next(iter(numbers), None)
        datasets = table_datasets(study, number) if number else []
        dataset = dataset if dataset in datasets else next(iter(datasets), None)
        metrics = table_metrics(study, number) if number else {}
        reported = [name for name in metrics if number and any(e.reported for e in _look(study, number, dataset, name))]
        if metric not in metrics or (moved and metric not in reported):
            metric = next(iter([*reported, *metrics]), metric)
        key = (study, number, dataset, metric, order)
        if key == drawn:
            return gr.skip()
        choices = [
            gr.Dropdown(value=study),
            gr.Dropdown(_places(study), value=number) if number else gr.skip(),
            gr.Dropdown(datasets, value=dataset) if number else gr.skip(),
            gr.Dropdown(_pairs(metrics), value=metric) if number else gr.skip(),
            order,
        ]
        claimed = claims_html(study) if study != (drawn or (None,))[0] else gr.skip()
        if number is None or dataset is None:
            return [key, *choices, gr.Row(visible=False), gr.Row(visible=False), _NO_TABLES, gr.skip(), None, claimed]
        shown = look(study, number, dataset, metric, order)
        seen = [gr.Row(visible=True), gr.Row(visible=True), summary(shown), table_rows(shown, metric)]
        return [key, *choices, *seen, figure(shown, metric, order), claimed]

    def on_choice(*values: Any) -> Any:
        with told():
            return show(False, *values)

    def on_move(*values: Any) -> Any:
        with told():
            return show(True, *values)

    def on_claim(event: gr.EventData, order: Order, drawn: tuple) -> Any:
        with told():
            return show(False, *claim_figure(event.claim), order, drawn)

    event: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    context.tab.select(on_choice, [*controls_of, drawn], outputs, **event)
    for control in controls_of:
        heard = on_move if control in (which, number) else on_choice
        control.input(heard, [*controls_of, drawn], outputs, trigger_mode="always_last", **event)
    verdicts.click(on_claim, [order, drawn], outputs, **event)

    def studies(study: str, table: str, dataset: str, metric: str = "psnr") -> list[dict[str, Any]]:
        """The rows of a study's table on one data set: setting, reported value, values measured at the budgets zoo,
        short, long and full, measured (that of the longest), true bits, and the runs.

        study: looc, adaptive, rvq or vqgan. table: as the paper numbers it, or "all" for every setting that was
        measured, also of the studies that have no tables. metric: a key of docs/metrics.md. A setting without runs
        is not trained yet.
        """
        with told():
            check_choice("study", study, [key for key in STUDIES if study_tables(key)])
            check_choice("table", table, study_tables(study))
            check_choice("dataset", dataset, table_datasets(study, table))
            return table_record(study, table, dataset, check_choice("metric", metric, OFFERED))

    gr.api(studies, api_name="studies")


def _look(study: str, number: str, dataset: str | None, metric: str) -> Any:
    return look(study, number, dataset or "", metric, ORDERS[0])


def _places(study: str) -> list[tuple[str, str]]:
    return [(place_label(table), table) for table in study_tables(study)]


def _pairs(metrics: dict[str, str]) -> list[tuple[str, str]]:
    return [(label, metric) for metric, label in metrics.items()]
