"""The page that compares: one photograph, several tokenizers, side by side."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from gradio.context import Context as Building

from vqzoo.ui.components.records import records, with_file
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels import blind, differ, levels, token_set, vqz
from vqzoo.ui.panels.bar import STOPPING, Bar, status_line
from vqzoo.ui.panels.blind import Blind
from vqzoo.ui.panels.controls import Controls, example, looked_into, point
from vqzoo.ui.panels.differ import Differ
from vqzoo.ui.panels.levels import Levels
from vqzoo.ui.panels.models import Models, chosen_of
from vqzoo.ui.panels.results import Results, table_value
from vqzoo.ui.panels.share import Share
from vqzoo.ui.panels.token_set import TokenSets
from vqzoo.ui.panels.vqz import Vqz
from vqzoo.ui.part import AT_ONCE, QUIET, Part
from vqzoo.views.comparison import FIRST_SORT, Comparison, Status, compare, device_line, stopped
from vqzoo.views.share import View, from_query

NAME = "Compare"

# Says at once, in the browser, that something was asked for, and returns when.
_ASKED = """
() => {
  const stamp = Date.now();
  const line = document.querySelector('#status .status');
  if (line && WHY !== 'nothing') { line.dataset.kind = 'running'; line.textContent = 'Starting.'; }
  document.dispatchEvent(new CustomEvent('vqzoo-asked', { detail: { stamp, why: WHY } }));
  return stamp;
}
"""


def build(context: Context, opened: dict[str, Any]) -> None:
    """Lay the page out around a comparison: a finished one, or one that is computed when the page has come up."""
    bar = Bar(context, opened)
    with gr.Row(elem_id="page"):
        with gr.Column(scale=1, min_width=290, elem_id="controls"):
            controls = Controls(context, opened["shown"], opened["device"])
        with gr.Column(scale=4, min_width=320, elem_id="results"):
            models = Models(context, opened["shown"].models)
            results = Results(context, opened)
            share = Share(context, results.listed, [controls.codecs, results.sort, results.worst])
            panels, usage = _panels(context, results.listed, opened["usage"])
    runs = Runs(context, (bar, controls, models, results), usage, opened)
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
        with gr.Tab(vqz.NAME, id=vqz.NAME):
            parts.append(Vqz(context))
        with gr.Tab(token_set.NAME, id=token_set.NAME):
            parts.append(TokenSets(context))
    panels.select(_label, None, active, queue=False, **QUIET)
    return parts, usage


@dataclass
class Turn:
    """When a visitor asked for a comparison last, and when they stopped one, in milliseconds of their clock.

    One object per visitor, which a run looks at before each step.
    """

    asked: float = 0
    stopped: float = -1


class Runs(Part):
    """The comparisons: started by a change of the photograph or the models, a click, a program, and a link."""

    def __init__(
        self, context: Context, parts: tuple[Bar, Controls, Models, Results], usage: gr.Plot, opened: dict[str, Any]
    ):
        super().__init__(context)
        self.bar, self.controls, self.models, self.results = parts
        self.first: Comparison = opened["shown"]
        self.finished = "listed" in opened
        self.asked_for = context.asked
        self.turn = gr.State(Turn())
        self.stamp = gr.Number(0, visible=False)
        self.outputs: dict[str, Any] = {
            "viewer": self.results.viewer,
            "table": self.results.table,
            "usage": usage,
            "shown": context.shown,
            "listed": self.results.listed,
            "device": self.controls.device,
            "status": self.bar.status,
        }
        # A person's fields have values of their own kinds; these are what a program gives and gets.
        self.longest = gr.Number(opened["shown"].side, precision=0, label="longest", visible=False)
        self.names = gr.Dropdown(
            list(self.engine.models),
            value=list(opened["shown"].models),
            multiselect=True,
            allow_custom_value=True,  # those that are loaded later; the engine says what is not offered
            label="models",
            visible=False,
        )
        self.records = records("rows")
        pages, root = context.tab.parent, Building.root_block
        assert isinstance(pages, gr.Tabs) and isinstance(root, gr.Blocks)
        self.pages, self.root = pages, root

    def watch(self) -> None:
        """Compute on a change, on a click, on a program's call, and when the page is opened."""
        bar, controls, results = self.bar, self.controls, self.results
        how = [controls.codecs, results.sort, results.worst]
        picture = [controls.photograph, controls.side, controls.part, controls.centre]
        inputs = [self.turn, self.stamp, *picture, self.models.picker, *how]
        outputs = [*self.outputs.values()]
        one_queue: dict[str, Any] = {"outputs": outputs, "concurrency_id": "compare", "trigger_mode": "multiple"}
        asking: dict[str, list[Any]] = {
            "models": [self.models.picker.input, controls.codecs.input],
            "photograph": [
                controls.photograph.upload,
                controls.examples.select(example, None, controls.photograph, **AT_ONCE).then,
                controls.side.input,
                controls.part.input,
                controls.photograph.select(point, None, [controls.centre, controls.part], **AT_ONCE).then,
            ],
            "again": [bar.go.click],
        }
        for why, events in asking.items():
            for event in events:
                asked = event(None, None, self.stamp, js=_ASKED.replace("WHY", repr(why)), **AT_ONCE)
                asked.then(self._on_ask, [self.turn, self.stamp], None, **AT_ONCE).then(
                    self._on_change, inputs, **one_queue, **QUIET
                )
        controls.photograph.clear(None, None, self.stamp, js=_ASKED.replace("WHY", "'nothing'"), **AT_ONCE)
        bar.stop.click(self._on_stop, self.turn, None, js=STOPPING, **AT_ONCE)
        # Queued, or the change of a state is not noticed.
        self.root.load(self._on_load, None, [self.asked_for, self.pages], **QUIET)
        self.root.load(lambda: device_line(self.engine), None, controls.device, **QUIET)  # when torch has come in
        chosen = [*picture, self.models.picker, *how]
        self.asked_for.change(self._on_view, [self.turn, self.asked_for], [*chosen, *outputs], **QUIET)
        given = [controls.photograph, self.longest, controls.codecs, self.names]
        made = [self.records, self.context.shown, results.listed]
        self.names.input(self.on_compare, given, made, api_name="compare", concurrency_id="compare")

    def show(self, request: gr.Request, turn: Turn, stamp: float, asked: Comparison, *how: Any) -> Iterator[Any]:
        """Yield the values of `compare` for the components until the visitor asks for another comparison, or stops."""
        if turn.asked > stamp:  # asked again while this one waited
            yield gr.skip()
            return
        last: dict[str, Any] = {}
        try:
            for last in self._steps(request, asked, *how):
                yield self._values(last, stamp)
                if turn.asked > stamp:
                    return
                if turn.stopped >= stamp and last["status"].kind == "running":
                    shown, status = stopped(last["listed"], last["listed"])
                    more = {"shown": shown} if shown.models else {}
                    yield self._values(last | more | {"status": status}, stamp)
                    return
        except gr.Error as error:
            yield self._values(last | {"status": Status("error", error.message)}, stamp)
            raise

    def _values(self, step: dict[str, Any], stamp: float) -> dict[Any, Any]:
        """Return the components' values of a step, without models that wait if the run has ended."""
        values = step | {"status": status_line(step["status"], int(stamp))}
        if "viewer" in step:
            waiting = step["viewer"]["waiting"] if step["status"].kind == "running" else []
            values["viewer"] = step["viewer"] | {"stamp": stamp, "waiting": waiting}
            values["table"] = table_value(step)
        return {self.outputs[key]: value for key, value in values.items()}

    def _steps(self, request: gr.Request, asked: Comparison, *how: Any) -> Iterator[dict[str, Any]]:
        """Yield the steps of `compare` within the limits; raises gr.Error with the message of a ValueError."""
        limits, names = self.context.limits, list(asked.models)
        with show_errors():
            if limits is not None:
                limits.check(names, asked.side)
            with self.context.turn(request, _PATIENCE):
                yield from compare(self.engine, asked.photo, asked.side, names, *how)

    def on_compare(
        self, request: gr.Request, photograph: str | None, longest: int, codecs: bool, models: list[str] | None
    ) -> Iterator[dict[Any, Any]]:
        """Compare models on one photograph: one record for each model, and for each codec at the bits of a model.

        Args:
            request: given by Gradio.
            photograph: an image file.
            longest: longest side in pixels, to which larger photographs are shrunk.
            codecs: whether to compare with image codecs and PCA at the bits of each model.
            models: names of models, including those loaded on the Zoo page.

        Returns:
            records in the order of their bits, with the reconstruction as a PNG file; LPIPS is null without its
            weights, times are in milliseconds, and bits are true bits.
        """
        asked = Comparison(photograph or "", longest, tuple(models or ()))
        for step in self._steps(request, asked, codecs):
            last = step
            yield gr.skip()
        rows, photo = last["listed"].rows, self.engine.photo(asked.photo, longest)
        results = zip(rows, self.engine.recall(rows, photo), strict=True)
        made = [with_file(self.records, self.engine, name, result) for name, result in results]
        yield {self.records: made, self.context.shown: last["shown"], self.results.listed: last["listed"]}

    def _on_ask(self, turn: Turn, stamp: float) -> None:
        turn.asked = stamp

    def _on_stop(self, turn: Turn) -> None:
        turn.stopped = turn.asked

    def _on_change(
        self,
        request: gr.Request,
        turn: Turn,
        stamp: float,
        photograph: str | None,
        side: int,
        part: bool,
        centre: tuple[int, int] | None,
        models: dict[str, Any],
        *how: Any,
    ) -> Iterator[Any]:
        asked = Comparison(looked_into(photograph or "", side, part, centre), side, tuple(chosen_of(models)))
        yield from self.show(request, turn, stamp, asked, *how)

    def _on_load(self, request: gr.Request) -> tuple[View | None, Any]:
        """Return the view that the URL asks for, or that of the first comparison unless it is already shown."""
        view = from_query(dict(request.query_params), self.engine, self.controls.sides, self.first.side)
        if view is None and not self.finished:
            view = View(None, None, self.first.side, (), False, FIRST_SORT, False)
        labels = [page.label for page in self.pages.children if isinstance(page, gr.Tab)]
        return view, gr.Tabs(selected=view.page) if view and view.page in labels else gr.skip()

    def _on_view(self, request: gr.Request, turn: Turn, view: View) -> Iterator[dict[Any, Any]]:
        view = replace(view, path=view.path or self.first.photo, names=view.names or self.first.models)
        yield {
            **self.controls.show(view),
            self.models.picker: self.models.value(view.names),
            self.results.sort: view.sort,
            self.results.worst: view.worst_first,
        }
        asked = Comparison(str(view.path), view.side, view.names)
        how = (view.codecs, view.sort, view.worst_first)
        if self.finished and (asked, how) == (self.first, (False, FIRST_SORT, False)):
            return
        turn.asked += 1  # ends a run before it
        yield from self.show(request, turn, turn.asked, asked, *how)
        if view.left_out:
            gr.Info(view.left_out)


_PATIENCE = 10.0  # seconds for a visitor's run before, which ends behind the model that it computes


def _label(selected: gr.SelectData) -> str:
    return str(selected.value)
