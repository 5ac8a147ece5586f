"""The page that compares: one photograph, several tokenizers, side by side."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.context import Context as Building

from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels import blind, differ, levels
from vqzoo.ui.panels.blind import Blind
from vqzoo.ui.panels.controls import Controls
from vqzoo.ui.panels.differ import Differ
from vqzoo.ui.panels.levels import Levels
from vqzoo.ui.panels.results import Results, status_line
from vqzoo.ui.panels.share import Share
from vqzoo.ui.part import QUIET, Part
from vqzoo.views.comparison import FIRST_SORT, Comparison, Status, compare, device_line, stopped
from vqzoo.views.share import View, from_query

NAME = "Compare"


def build(context: Context, opened: dict[str, Any]) -> None:
    """Lay the page out around a comparison: a finished one, or one that is computed when the page has come up."""
    with gr.Row(elem_id="page"):
        with gr.Column(scale=1, min_width=290, elem_id="controls"):
            controls = Controls(context, opened["shown"], opened["device"])
        with gr.Column(scale=4, min_width=320, elem_id="results"):
            results = Results(context, opened)
            share = Share(context, results.listed, [controls.codecs, results.sort, results.worst])
            panels, usage = _panels(context, results.listed, opened["usage"])
    runs = Runs(context, controls, results, usage, opened)
    for part in (share, *panels, runs, results):
        part.watch()


def _panels(context: Context, listed: gr.State, use: Any) -> tuple[list[Part], gr.Plot]:
    """Tabs below the comparison: the parts in them, and the figure of codebook use."""
    active = gr.State("Codebook use")
    with gr.Tabs(elem_id="panels") as panels:
        with gr.Tab("Codebook use", id="use"):
            usage = gr.Plot(use, show_label=False, elem_id="usage")
        with gr.Tab(levels.NAME, id=levels.NAME) as tab:
            parts: list[Part] = [Levels(replace(context, tab=tab, active=active))]
        with gr.Tab(differ.NAME, id=differ.NAME) as tab:
            parts.append(Differ(replace(context, tab=tab, active=active), listed))
        with gr.Tab(blind.NAME, id=blind.NAME):
            parts.append(Blind(context, listed))
    panels.select(_label, None, active, queue=False, **QUIET)
    return parts, usage


class Runs(Part):
    """The comparisons: started by a click, by the API, and by opening the page, also through a link."""

    def __init__(self, context: Context, controls: Controls, results: Results, usage: gr.Plot, opened: dict[str, Any]):
        super().__init__(context)
        self.controls, self.results = controls, results
        self.first: Comparison = opened["shown"]
        self.finished = "listed" in opened
        self.asked_for = context.asked
        self.asked_to_stop = gr.State(False)
        self.outputs: dict[str, Any] = {
            "viewer": results.viewer,
            "table": results.table,
            "usage": usage,
            "shown": context.shown,
            "listed": results.listed,
            "device": controls.device,
            "status": results.status,
        }
        pages, root = context.tab.parent, Building.root_block
        assert isinstance(pages, gr.Tabs) and isinstance(root, gr.Blocks)
        self.pages, self.root = pages, root

    def watch(self) -> None:
        """Compute on a click, on a program's call, and when the page is opened."""
        controls, results, outputs = self.controls, self.results, list(self.outputs.values())
        how = [controls.photograph, controls.side, controls.codecs, results.sort, results.worst]
        of_a_person = [*how, *controls.choices]
        one_queue: dict[str, Any] = {"outputs": outputs, "concurrency_id": "compare"}
        loading = self.asked_for.change(self._on_view, self.asked_for, [*of_a_person, *outputs], **QUIET)
        # Whoever presses the button while the page is still at its first comparison does not wait for that.
        running = controls.go.click(self._on_click, of_a_person, cancels=loading, **one_queue, **QUIET)
        of_a_program = controls.models_of_a_program
        of_a_program.input(self.on_compare, [*how, of_a_program], api_name="compare", **one_queue)
        # Queued, or the change of a state is not noticed.
        self.root.load(self._on_load, None, [self.asked_for, self.pages], **QUIET)
        self.root.load(lambda: device_line(self.engine), None, controls.device, **QUIET)  # when torch has come in
        controls.stop.click(lambda: True, None, self.asked_to_stop, cancels=[running, loading], queue=False, **QUIET)
        ended = [self.asked_to_stop, results.listed, self.context.shown, results.status]
        for event in (running, loading):
            # Behind the last step that reaches the page, which would write over what is said about the stop.
            event.then(self._on_end, [*ended, results.table], ended, queue=False, **QUIET)

    def show(
        self, request: gr.Request, photograph: str | None, side: int, names: list[str], *how: Any
    ) -> Iterator[dict[Any, Any]]:
        """Yield the values of `compare` for the components; errors are also shown in the status line."""
        limits, status = self.context.limits, self.results.status
        try:
            with show_errors():
                if limits is not None:
                    limits.check(names, side)
                with nullcontext() if limits is None else limits.turn(request.session_hash):
                    for step in compare(self.engine, photograph, side, names, *how):
                        line = {status: status_line(step.pop("status"))} if "status" in step else {}
                        yield {self.outputs[key]: value for key, value in step.items()} | line
        except gr.Error as error:
            yield {status: status_line(Status("error", error.message))}
            raise

    def on_compare(
        self,
        request: gr.Request,
        photograph: str | None,
        longest: int,
        codecs: bool,
        sort: str,
        worst_first: bool,
        models: list[str] | None,
    ) -> Iterator[dict[Any, Any]]:
        """Compare models on one photograph; each step adds the pictures and the row of one model.

        Args:
            request: given by Gradio.
            photograph: an image file.
            longest: longest side in pixels, to which larger photographs are shrunk.
            codecs: whether to compare with image codecs and PCA at the bits of each model.
            sort: the key by which rows are ordered.
            worst_first: whether the order is reversed.
            models: names of models, including those loaded on the Zoo page.

        Returns:
            pictures as PNG data URIs, the table, a figure of codebook usage, the device, and the status.
        """
        yield from self.show(request, photograph, longest, models or [], codecs, sort, worst_first)

    def _on_click(
        self,
        request: gr.Request,
        photograph: str | None,
        side: int,
        codecs: bool,
        sort: str,
        worst_first: bool,
        *chosen: list[str],
    ) -> Iterator[dict[Any, Any]]:
        yield from self.show(request, photograph, side, sum(chosen, []), codecs, sort, worst_first)

    def _on_load(self, request: gr.Request) -> tuple[View | None, Any]:
        """Return the view that the URL asks for, or that of the first comparison unless it is already shown."""
        view = from_query(dict(request.query_params), self.engine, self.controls.sides, self.first.side)
        if view is None and not self.finished:
            view = View(None, None, self.first.side, (), False, FIRST_SORT, False)
        labels = [page.label for page in self.pages.children if isinstance(page, gr.Tab)]
        return view, gr.Tabs(selected=view.page) if view and view.page in labels else gr.skip()

    def _on_view(self, request: gr.Request, view: View) -> Iterator[dict[Any, Any]]:
        view = replace(view, path=view.path or self.first.photo, names=view.names or self.first.models)
        yield {**self.controls.show(view), self.results.sort: view.sort, self.results.worst: view.worst_first}
        asked = Comparison(str(view.path), view.side, view.names)
        how = (view.codecs, view.sort, view.worst_first)
        if self.finished and (asked, how) == (self.first, (False, FIRST_SORT, False)):
            return
        yield from self.show(request, asked.photo, asked.side, list(asked.models), *how)
        if view.left_out:
            gr.Info(view.left_out)

    def _on_end(
        self, asked: bool | Comparison, now: Comparison, before: Comparison, line: str, rows: list[list[Any]]
    ) -> Any:
        """Update the status after a run has ended; called once more for a step that was in transit at a stop.

        `asked` is whether Stop was clicked, or after the first call the comparison as computed by then.
        """
        if 'data-kind="running"' in line and asked is True:
            computed = now
        elif 'data-kind="stopped"' in line and isinstance(asked, Comparison):
            computed = asked
        else:
            return gr.skip() if 'data-kind="running"' in line else {self.asked_to_stop: False}
        on_page = {row[0] for row in rows}  # what was computed when the page had hung up is not there
        models, codecs = (tuple(filter(on_page.__contains__, each)) for each in (computed.models, computed.codecs))
        there = replace(computed, models=models, codecs=codecs)
        shown, said = stopped(there, before)
        return {
            self.asked_to_stop: computed,
            self.results.listed: there,
            self.context.shown: shown,
            self.results.status: status_line(said),
        }


def _label(selected: gr.SelectData) -> str:
    return str(selected.value)
