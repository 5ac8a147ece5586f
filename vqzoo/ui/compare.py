"""The page that compares: one photograph, several tokenizers, side by side."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr
from gradio.context import Context as Building

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import Model
from vqzoo.ui.components.photograph import Photograph
from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.panels import blind, levels, share
from vqzoo.ui.panels.loaded import loaded_choices, loaded_group
from vqzoo.ui.tell import told
from vqzoo.views.comparison import (
    COLUMNS,
    FIRST_SORT,
    SORTS,
    Status,
    beside,
    compare,
    device_line,
    stopped,
    trained_on,
)
from vqzoo.views.share import View, from_query

SIDES = [32, 64, 128, 256, 512, 1024]

NAME = "Compare"

# The values that are there, in another order: nothing is asked of the server.
_REORDER = """
(sort, worst, viewer, table) => {
  const best = (viewer.orders || {})[sort] || [];
  const known = worst ? [...best].reverse() : best;
  const place = (name) => known.indexOf(name) < 0 ? known.length : known.indexOf(name);
  const [original, ...pictures] = viewer.pictures;
  pictures.sort((one, two) => place(one.name) - place(two.name));
  const rows = [...table.data].sort((one, two) => place(one[0]) - place(two[0]));
  return [{...viewer, pictures: [original, ...pictures]}, {...table, data: rows, metadata: null}];
}
"""


def build(context: Context, opened: dict[str, Any]) -> None:
    """Lay the page out around a comparison: a finished one, or one that is computed when the page has come up."""
    engine, limits = context.engine, context.limits
    models = list(engine.models.values())
    first_path, first_side, ticked = opened["shown"]
    finished = "listed" in opened
    status_now = opened.get("status", Status("running", "The first comparison is being computed."))
    asked_for = gr.State(None)  # by the page's address
    asked_to_stop = gr.State(False)
    listed = gr.State(opened.get("listed", (first_path, first_side, ())))
    sides = [side for side in SIDES if limits is None or side <= limits.side]

    with gr.Row(elem_id="page"):
        with gr.Column(scale=1, min_width=290, elem_id="controls"):
            image = _photograph(first_path)
            groups = _model_choices(models, list(ticked))
            loaded = loaded_group(context)
            # What a program names in one list is several groups of boxes here; no person sees this one.
            models_of_a_program = gr.Dropdown(
                [model.name for model in models],
                value=list(ticked),
                multiselect=True,
                allow_custom_value=True,  # those that are loaded later; the engine says what is not offered
                label="Models",
                visible=False,
            )
            side = gr.Dropdown(
                sides,
                value=first_side,
                label="Longest side, pixels",
                info="Larger photographs are shrunk to it, smaller ones stay.",
                elem_id="side",
            )
            codecs = gr.Checkbox(
                False,
                label="Compare with codecs and PCA",
                info=f"{', '.join(beside(engine))}: at the bits of each model.",
                elem_id="codecs",
            )
            with gr.Row():
                go_button = gr.Button("Compare", variant="primary", elem_id="compare", scale=3, min_width=120)
                stop_button = gr.Button("Stop", elem_id="stop", scale=1, min_width=60)
            device = gr.HTML(opened["device"], elem_id="device")

        with gr.Column(scale=4, min_width=320, elem_id="results"):
            with gr.Row(elem_id="above"):
                status = gr.HTML(_line(status_now), elem_id="status")
                sort = gr.Dropdown(
                    list(SORTS), value=FIRST_SORT, label="Sort by", elem_id="sort", min_width=150, scale=0
                )
                worst = gr.Checkbox(False, label="Worst first", elem_id="worst", min_width=120, scale=0)
            empty = "The first comparison is being computed: pictures come one by one."
            side_by_side = viewer(opened["viewer"], "viewer", empty=empty)
            table = gr.Dataframe(
                opened["table"],
                headers=list(COLUMNS),
                datatype=[kind for kind, _ in COLUMNS.values()],
                type="array",
                column_widths=[width for _, width in COLUMNS.values()],
                interactive=False,
                label="Measured on this photograph",
                elem_id="table",
                max_height=420,
                show_search="none",
                wrap=True,
            )
            gr.Markdown(
                "PSNR, SSIM and LPIPS compare bytes, at the size shown. Bits are true bits: every index that decoding "
                "needs, before entropy coding; raw is 24 bits a pixel. Weights: all numbers of a model, in millions, "
                "codevectors among them; what a GPU held beside these at most is in the ZIP. Images seen: in training, "
                "each as often as it was seen. Of a codec every byte of the file counts, at the highest quality that "
                "fits; some cannot go so low. PCA is the best for this photograph of the fitted models here, each with "
                "as few components or as coarse steps as the bits ask for; they were fitted to other images, and "
                "cannot use more bits than they have.",
                elem_classes="hint",
            )
            share.build(context, listed, codecs, sort, worst)
            active = gr.State("Codebook use")
            with gr.Tabs(elem_id="panels") as panels:
                with gr.Tab("Codebook use", id="use"):
                    usage = gr.Plot(opened["usage"], show_label=False, elem_id="usage")
                with gr.Tab(levels.NAME, id=levels.NAME) as tab:
                    levels.build(replace(context, tab=tab, active=active))
                with gr.Tab(blind.NAME, id=blind.NAME):
                    blind.build(context, listed)
            panels.select(_label, None, active, api_visibility="private", show_progress="hidden", queue=False)

    outputs: dict[str, Any] = {
        "viewer": side_by_side,
        "table": table,
        "usage": usage,
        "shown": context.shown,
        "listed": listed,
        "device": device,
        "status": status,
    }

    pages, root = context.tab.parent, Building.root_block
    assert isinstance(pages, gr.Tabs) and isinstance(root, gr.Blocks)

    def steps(request: gr.Request, *asked: Any) -> Iterator[dict[Any, Any]]:
        """What `compare` yields, for the components; what goes wrong stays on the page, too."""
        path, longest, names, *how = asked
        try:
            with told():
                if limits is not None:
                    limits.check(names, longest)
                with nullcontext() if limits is None else limits.turn(request.session_hash):
                    for step in compare(engine, path, longest, names, *how):
                        line = {status: _line(step.pop("status"))} if "status" in step else {}
                        yield {outputs[key]: value for key, value in step.items()} | line
        except gr.Error as error:
            yield {status: _line(Status("error", error.message))}
            raise

    def on_compare(
        request: gr.Request,
        photograph: str | None,
        longest: int,
        codecs: bool,
        sort: str,
        worst_first: bool,
        models: list[str] | None,
    ) -> Iterator[dict[Any, Any]]:
        """One photograph through several models; each step adds the pictures and the row of one.

        Args:
            photograph: an image file.
            longest: its longest side in pixels: it is shrunk to it if it is larger.
            codecs: compare with image codecs and PCA at the bits of each model, too.
            sort: what rows are ordered by.
            worst_first: the order turned round.
            models: names, those that were loaded on the Zoo page among them.

        Returns:
            pictures as PNG data URIs, the table, a figure of codebook use, the device, and how far it is.
        """
        yield from steps(request, photograph, longest, models or [], codecs, sort, worst_first)

    def on_click(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
        photograph, longest, codecs, sort, worst_first, *chosen = values
        yield from steps(request, photograph, longest, sum(chosen, []), codecs, sort, worst_first)

    def on_end(asked: bool | tuple, now: tuple, before: tuple, line: str, rows: list[list]) -> Any:
        """The page calls it when it hangs up, and again when a step that was on its way has come in: what is said must
        be of that, too. `asked`: whether Stop was clicked; once that is told, what had been computed by then."""
        if 'data-kind="running"' in line and asked is True:
            computed = now
        elif 'data-kind="stopped"' in line and isinstance(asked, tuple):
            computed = asked
        else:
            return gr.skip() if 'data-kind="running"' in line else {asked_to_stop: False}
        *photograph, names = computed
        on_page = {row[0] for row in rows}  # what was computed when the page had hung up is not there
        there = (*photograph, tuple(name for name in names if name in on_page))
        shown, said = stopped(there, before)
        return {asked_to_stop: computed, listed: there, context.shown: shown, status: _line(said)}

    def on_load(request: gr.Request) -> tuple[View | None, Any]:
        """What the address asks for, or else the comparison that the page opens on, unless it is there."""
        view = from_query(dict(request.query_params), engine, sides, first_side)
        if view is None and not finished:
            view = View(None, None, first_side, (), False, FIRST_SORT, False)
        labels = [page.label for page in pages.children if isinstance(page, gr.Tab)]
        return view, gr.Tabs(selected=view.page) if view and view.page in labels else gr.skip()

    def on_view(request: gr.Request, view: View) -> Iterator[dict[Any, Any]]:
        names, path = list(view.names or ticked), view.path or first_path
        yield {
            image: path,
            side: view.side,
            codecs: view.codecs,
            sort: view.sort,
            worst: view.worst_first,
            **{group: [name for name in names if name in offered] for group, offered in groups.items()},
            loaded: loaded_choices(context, names),
        }
        asked = (path, view.side, tuple(names), view.codecs, view.sort, view.worst_first)
        if finished and asked == (first_path, first_side, tuple(ticked), False, FIRST_SORT, False):
            return
        yield from steps(request, *asked)
        if view.left_out:
            gr.Info(view.left_out)

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    how = [image, side, codecs, sort, worst]
    one_queue: dict[str, Any] = {"outputs": list(outputs.values()), "concurrency_id": "compare"}
    loading = asked_for.change(on_view, asked_for, [*how, *groups, loaded, *outputs.values()], **quiet)
    # Whoever presses the button while the page is still at its first comparison does not wait for that.
    running = go_button.click(on_click, [*how, *groups, loaded], cancels=loading, **one_queue, **quiet)
    models_of_a_program.input(on_compare, [*how, models_of_a_program], api_name="compare", **one_queue)
    root.load(on_load, None, [asked_for, pages], **quiet)  # queued, or the change of a state is not noticed
    root.load(lambda: device_line(engine), None, device, **quiet)  # when torch has come in
    stop_button.click(lambda: True, None, asked_to_stop, cancels=[running, loading], queue=False, **quiet)
    ended = [asked_to_stop, listed, context.shown, status]
    for event in (running, loading):
        # Behind the last step that reaches the page, which would write over what is said about the stop.
        event.then(on_end, [*ended, table], ended, queue=False, **quiet)
    gr.on(
        [sort.input, worst.input],
        None,
        [sort, worst, side_by_side, table],
        [side_by_side, table],
        js=_REORDER,
        **quiet,
    )


def _line(status: Status) -> str:
    return f'<div class="status" role="status" data-kind="{status.kind}">{escape(status.text)}</div>'


def _label(selected: gr.SelectData) -> str:
    return selected.value


def _photograph(first_path: str) -> gr.Image:
    image = Photograph(
        first_path,
        label="Photograph",
        sources=["upload", "clipboard"],
        type="filepath",
        image_mode=None,
        format="png",
        height=230,
        buttons=[],
        elem_id="photograph",
    )
    pictures = [[str(path)] for path in examples().values()]
    gr.Examples(pictures, image, label="Examples", elem_id="examples", examples_per_page=6)
    return image


def _model_choices(models: list[Model], ticked: list[str]) -> dict[gr.CheckboxGroup, list[str]]:
    """A search box and a group of tick boxes a data set, each with all its names; what is ticked stays in sight
    whatever is searched."""
    search = gr.Textbox(
        label="Models", placeholder="Search: looc, sinusoidal, 256 ...", elem_id="search", submit_btn=False
    )
    groups = {}
    for dataset in sorted({model.metrics["dataset"] for model in models}):
        names = [model.name for model in models if model.metrics["dataset"] == dataset]
        group = gr.CheckboxGroup(
            names,
            value=[name for name in names if name in ticked],
            label=trained_on([model for model in models if model.name in names]),
            elem_classes="models",
            elem_id=f"models-{dataset}",
        )
        groups[group] = names

        def found(text: str, chosen: list[str], names: list[str] = names) -> gr.CheckboxGroup:
            words = text.lower().split()
            return gr.CheckboxGroup([n for n in names if n in chosen or all(word in n.lower() for word in words)])

        search.change(found, [search, group], group, api_visibility="private", show_progress="hidden")
    return groups
