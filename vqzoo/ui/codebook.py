"""The page of codebooks: how one model uses its own, where each codevector lies, and what it stands for."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vqzoo.ui.components.scatter import scatter
from vqzoo.ui.components.tokens import tokens
from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
from vqzoo.views.codebook import ABOUT, report, words
from vqzoo.views.codebook_figures import columns_figure, sharing_figure, use_figure
from vqzoo.views.codebook_map import map_value
from vqzoo.views.comparison import first_models
from vqzoo.views.edits import Edit, edited
from vqzoo.views.looker import LONGEST, Looker
from vqzoo.views.patches import codevector_page, uses
from vqzoo.views.pictures import viewer_value
from vqzoo.views.tokens import tokens_value

NAME = "Codebook"

_NO_EDITS = viewer_value([])
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def build(context: Context) -> None:
    """Lay the page out; it computes when it is first looked at."""
    looker = Looker(context.engine)
    models = list(context.engine.models.values())

    with gr.Row(elem_id="codebook-controls"):
        model = gr.Dropdown(
            [each.name for each in models], value=first_models(models)[-1], label="Model", elem_id="codebook-model"
        )
        column = gr.Dropdown([], label="Column of indices", elem_id="codebook-column", visible=False)
    problem = gr.Markdown("", visible=False, elem_id="codebook-problem")
    # Hidden and not absent: a component that is put on the page together with its value may miss that value.
    with gr.Column(visible="hidden", elem_id="codebook-body") as body:
        figures = gr.Markdown(elem_id="codebook-figures")
        with gr.Row():
            with gr.Column(min_width=300):
                gr.Markdown("### Tokens of this image")
                grid = tokens("codebook-tokens")
            with gr.Column(min_width=300):
                gr.Markdown("### The codebook, flattened")
                chart = scatter("codebook-map")
        gr.Markdown("### One codevector")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                index = gr.Number(
                    None,
                    label="Codevector",
                    info="Its index; or click a cell, a point or a row.",
                    precision=0,
                    minimum=0,
                    elem_id="codebook-index",
                )
                most = gr.Dataframe(
                    headers=["most used here", "this image", "test split"],
                    datatype=["number", "number", "str"],
                    interactive=False,
                    max_height=300,
                    show_search="none",
                    elem_id="codebook-most",
                )
            with gr.Column(scale=3, min_width=300):
                patches = gr.HTML("", elem_id="codebook-patches")
        gr.Markdown("### Change a token", elem_id="codebook-change")
        with gr.Row(elem_id="codebook-edit"):
            row_at = gr.Number(1, label="Row", precision=0, minimum=1, min_width=100, elem_id="codebook-row")
            column_at = gr.Number(1, label="Column", precision=0, minimum=1, min_width=100, elem_id="codebook-cell")
            new = gr.Number(0, label="New index", precision=0, minimum=0, min_width=100, elem_id="codebook-new")
            change = gr.Button("Change", variant="primary", scale=0, min_width=110, elem_id="codebook-apply")
            undo = gr.Button("Undo", scale=0, min_width=90, elem_id="codebook-undo")
            reset = gr.Button("Reset", scale=0, min_width=90, elem_id="codebook-reset")
        pictures = viewer(
            _NO_EDITS,
            "codebook-viewer",
            errors=False,
            empty="Pick a cell above, type another index, and press Change: the picture before and after appears here.",
        )
        gr.Markdown("### Use of the codebook")
        use = gr.Plot(show_label=False, elem_id="codebook-use")
        with gr.Row():
            per_column = gr.Plot(show_label=False, min_width=300, elem_id="codebook-columns")
            shared = gr.Plot(show_label=False, min_width=300, elem_id="codebook-sharing")
        gr.Markdown(ABOUT, elem_classes="hint")
    seen, picked, edits = gr.State(()), gr.State(None), gr.State(())

    def show(shown: tuple, name: str, before: tuple) -> Iterator[dict[Any, Any]]:
        now = (looker.key(name), shown[0], min(shown[1], LONGEST))
        if now == before:
            yield {seen: gr.skip()}
            return
        try:
            look = looker.look(name, shown)
        except ValueError as error:
            yield {
                problem: gr.update(value=str(error), visible=True),
                body: gr.update(visible="hidden"),
                column: gr.update(visible=False),
                seen: (),
            }
            return
        layer, test = look.layers[0], looker.test_counts(name)
        labels = [each.label for each in look.layers]
        yield {
            problem: gr.update(visible=False),
            body: gr.update(visible=True),
            column: gr.update(choices=labels, value=labels[0], visible=len(labels) > 1),
            grid: tokens_value(look, layer, test, None),
            chart: map_value(looker, name, shown, look, layer, None),
            most: uses(look, layer, test),
            patches: codevector_page(looker, name, shown, layer.label, None),
            index: None,
            pictures: _NO_EDITS,
            picked: None,
            edits: (),
            seen: now,
        }
        found = report(looker, name, shown)
        drawings = ((per_column, columns_figure(found)), (shared, sharing_figure(found)))
        yield {
            figures: words(look, found),
            use: use_figure(name, look, test),
            **{plot: gr.update(value=drawn, visible=drawn is not None) for plot, drawn in drawings},
        }

    def on_model(shown: tuple, name: str, before: tuple) -> Iterator[dict[Any, Any]]:
        with told():
            yield from show(shown, name, before)

    def offer(name: str) -> Any:
        known = context.engine.models
        left = name if name in known else first_models(list(known.values()))[-1]
        return gr.update(choices=list(known), value=left)

    def on_offer(active: str, shown: tuple, name: str, before: tuple) -> Iterator[dict[Any, Any]]:
        """Another model may have taken the place of one that was removed."""
        if active == NAME:
            yield from on_model(shown, name, before)
        else:
            yield {seen: gr.skip()}

    def on_column(shown: tuple, name: str, label: str, chosen: int | None) -> dict[Any, Any]:
        with told():
            look, test = looker.look(name, shown), looker.test_counts(name)
            layer = looker.layer(look, label)
            # Of another codebook the same index is another codevector.
            kept = chosen if layer.codebook == look.layers[0].codebook and len(set(look.codebook_of)) == 1 else None
            return {
                grid: tokens_value(look, layer, test, kept),
                chart: map_value(looker, name, shown, look, layer, kept),
                most: uses(look, layer, test),
                patches: codevector_page(looker, name, shown, label, kept),
                picked: kept,
                index: kept,
            }

    def chosen(shown: tuple, name: str, label: str, number: int | None, but: Any = None) -> dict[Any, Any]:
        """What shows a codevector that was picked, `but` the component that it was picked in."""
        with told():
            look, test = looker.look(name, shown), looker.test_counts(name)
            layer = looker.layer(look, label)
            new_values: dict[Any, Any] = {
                patches: codevector_page(looker, name, shown, label, number),
                grid: tokens_value(look, layer, test, number),
                chart: map_value(looker, name, shown, look, layer, number),
                picked: number,
                index: number,
            }
            new_values.pop(but, None)
            return new_values

    def on_cell(shown: tuple, name: str, label: str, cell: gr.EventData) -> dict[Any, Any]:
        place = {row_at: cell.row + 1, column_at: cell.column + 1, new: cell.index}
        return chosen(shown, name, label, cell.index, grid) | place

    def on_point(shown: tuple, name: str, label: str, point: gr.EventData) -> dict[Any, Any]:
        return chosen(shown, name, label, point.index, chart) | {new: point.index}

    def on_row(shown: tuple, name: str, label: str, row: gr.SelectData) -> dict[Any, Any]:
        number = int(row.row_value[0])
        return chosen(shown, name, label, number) | {new: number}

    def on_index(shown: tuple, name: str, label: str, number: int | None, before: int | None) -> dict[Any, Any]:
        if number == before:
            return {picked: gr.skip()}
        return chosen(shown, name, label, number, index) | ({} if number is None else {new: number})

    def on_change(
        shown: tuple, name: str, label: str, row: int, cell: int, number: int, before: tuple[Edit, ...]
    ) -> tuple[dict[str, Any], tuple[Edit, ...]]:
        with told():
            if None in (row, cell, number):
                raise ValueError("A row, a column and a new index are needed: pick a cell, then type an index.")
            label = looker.layer(looker.look(name, shown), label).label
            after = (*before, (label, row - 1, cell - 1, number))
            return edited(looker, name, shown, after), after

    def on_undo(shown: tuple, name: str, before: tuple[Edit, ...]) -> tuple[dict[str, Any], tuple[Edit, ...]]:
        with told():
            return (edited(looker, name, shown, before[:-1]) if before[1:] else _NO_EDITS), before[:-1]

    of = [context.shown, model]
    everything = [
        problem, body, column, figures, grid, chart, most, patches, index, pictures, use, per_column, shared, seen,
        picked, edits,
    ]  # fmt: skip
    context.when_seen(show, [*of, seen], everything)
    context.when_offered(offer, [model], model).then(on_offer, [context.active, *of, seen], everything, **_QUIET)
    model.input(on_model, [*of, seen], everything, trigger_mode="always_last", api_visibility="private")
    marked = [patches, grid, chart, picked, index, row_at, column_at, new]
    column.input(on_column, [*of, column, picked], [*marked, most], trigger_mode="always_last", **_QUIET)
    picks: dict[str, Any] = {"outputs": marked, "trigger_mode": "always_last", **_QUIET}
    grid.select(on_cell, [*of, column], **picks)
    chart.select(on_point, [*of, column], **picks)
    most.select(on_row, [*of, column], **picks)
    index.submit(on_index, [*of, column, index, picked], **picks)
    index.blur(on_index, [*of, column, index, picked], **picks)
    changed: dict[str, Any] = {"outputs": [pictures, edits], **_QUIET}
    gr.on([change.click, new.submit], on_change, [*of, column, row_at, column_at, new, edits], **changed)
    undo.click(on_undo, [*of, edits], **changed)
    reset.click(lambda: (_NO_EDITS, ()), None, queue=False, **changed)
    _build_api(context, looker, model)


def _build_api(context: Context, looker: Looker, model: gr.Dropdown) -> None:
    """What the page tells, for programs: of the photograph of the session's last comparison."""

    def codebook(shown: tuple, name: str) -> dict[str, Any]:
        """How a model uses its codebooks on the photograph of this session's last comparison and on its test split.

        Usage, dead codevectors and perplexity, of each column of the indices too, and the sharing curves.
        """
        with told():
            return report(looker, name, shown)

    def tokens_of(shown: tuple, name: str, column: str) -> dict[str, Any]:
        """The indices of one column, named as /codebook names its layers, as rows; and their distances."""
        with told():
            look = looker.look(name, shown)
            layer = looker.layer(look, column)
            return {
                "column": layer.label,
                "indices": look.indices(layer).tolist(),
                "distances": look.distance(layer).tolist(),
            }

    def change_tokens(shown: tuple, name: str, changes: list[list[Any]]) -> dict[str, Any]:
        """Decode again with tokens changed: a list of [column, row, column of the grid, new index], counted from 0.

        The pictures before and after come as data URIs of lossless PNGs.
        """
        with told():
            if not isinstance(changes, list) or any(not isinstance(each, list) or len(each) != 4 for each in changes):
                raise ValueError("changes: expected a list of lists [column, row, column of the grid, new index]")
            if any(not isinstance(each[0], str) or any(type(n) is not int for n in each[1:]) for each in changes):
                raise ValueError("changes: expected each to be a text and three whole numbers")
            return edited(looker, name, shown, [tuple(each) for each in changes])

    with gr.Row(visible=False):
        button, told_of, column = gr.Button(), gr.JSON(), gr.Textbox("", label="column")
        changes = gr.JSON([], label="changes")
        button.click(codebook, [context.shown, model], told_of, api_name="codebook")
        button.click(tokens_of, [context.shown, model, column], told_of, api_name="tokens")
        button.click(change_tokens, [context.shown, model, changes], told_of, api_name="change_tokens")
