"""The parts of the page of generation: what is asked for, images that are drawn, and what surprises priors."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import gradio as gr

from vqzoo.ui.components.dataframe import table_value
from vqzoo.ui.components.generated import drawn_html, generated, surprise_html
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.bar import status_line
from vqzoo.ui.panels.chosen_photo import ChosenPhoto
from vqzoo.ui.part import AT_ONCE, QUIET, Part, TabPart
from vqzoo.views.comparison import Comparison, Status
from vqzoo.views.generate import MOST, Drawn, DrawRequest, Settings, draw
from vqzoo.views.priors import COLUMNS, NO_CLASS, Priors
from vqzoo.views.surprise import ABOUT, Surprises

_OLD = (
    "() => document.querySelectorAll('#generate-draw .gen, #generate-complete .gen').forEach((e) => e.dataset.old = 1)"
)
# A step that was on its way when Stop was pressed comes a moment later, and would say that the drawing goes on.
_STOPPED = """
() => {
  const bar = document.querySelector('#ID');
  const mark = () => {
    const line = bar.querySelector('.status[data-kind=running]');
    if (line) { line.dataset.kind = 'stopped'; line.textContent = line.textContent.replace(/\\.$/, ', stopped.'); }
  };
  mark();
  const late = new MutationObserver(mark);
  late.observe(bar, {childList: true, subtree: true});
  setTimeout(() => late.disconnect(), 2000);
}
"""


class Asked(Part):
    """What a visitor asks for: priors, a class, a seed, how tokens are drawn, and a photograph."""

    def __init__(self, context: Context, priors: Priors):
        super().__init__(context)
        first = Settings()
        self.priors = gr.Dropdown(
            list(priors.records), value=priors.first(), multiselect=True, label="Priors", elem_id="generate-priors"
        )
        self.label = gr.Dropdown([NO_CLASS, *priors.classes()], value=NO_CLASS, label="Class", elem_id="generate-class")
        self.seed = gr.Number(first.seed, precision=0, minimum=0, label="Seed", elem_id="generate-seed")
        with gr.Accordion("More", open=False, elem_id="generate-more"):
            self.temperature = gr.Slider(
                0, 2, first.temperature, step=0.05, label="Temperature", info="0 takes the likeliest token each time."
            )
            self.top_k = gr.Number(
                first.top_k, precision=0, minimum=0, label="Top-k", info="Only so many of the likeliest tokens; 0: all."
            )
            self.top_p = gr.Slider(
                0.05, 1, first.top_p, step=0.05, label="Top-p", info="Only the likeliest tokens of this probability."
            )
            self.guidance = gr.Slider(
                0, 8, first.guidance, step=0.25, label="Guidance", info="1: none. More is more typical of the class."
            )
        self.photograph = ChosenPhoto(context, "generate-photo")
        self.of = self.photograph.of

    @property
    def settings(self) -> list[Any]:
        """Components with the arguments of `request_of`, but for the number of images."""
        return [self.priors, self.label, self.seed, self.temperature, self.top_k, self.top_p, self.guidance]

    def watch(self) -> None:
        """Mark images as old in the browser when what they were drawn for changes."""
        self.photograph.watch()
        gr.on([each.change for each in self.settings], None, None, None, js=_OLD, **AT_ONCE)
        self.of.change(None, None, None, js=_OLD.replace("#generate-draw .gen, ", ""), **AT_ONCE)


class Drawing(Part):
    """A tab that draws images on a click, of a class or, as "Complete", of what is below a photograph's upper half."""

    def __init__(self, context: Context, priors: Priors, asked: Asked, label: str, elem_id: str, about: str):
        super().__init__(context)
        self.priors, self.asked, self.elem_id = priors, asked, elem_id
        self.complete = label == "Complete"
        with gr.Tab(label, id=label), gr.Column(elem_id=elem_id):
            with gr.Row(elem_classes="generate-bar"):
                numbers = (1, 2, 4, 6) if self.complete else (1, 4, 9, MOST)
                self.number = gr.Radio(list(numbers), value=4, label="Images of each prior", min_width=220)
                self.go = gr.Button(label, variant="primary", scale=0, min_width=110)
                self.stop = gr.Button("Stop", scale=0, min_width=70)
            self.status = gr.HTML("")
            self.view = generated(f"{elem_id}-cards", f"Press {label}: all chosen priors draw, token by token.")
            gr.Markdown(about, elem_classes="hint")

    def follow(self, costs: gr.Dataframe) -> None:
        """Draw on a click, and end that on another; `costs` gets the seconds."""
        outputs = [self.status, self.view, costs]

        def on_go(request: gr.Request, number: int, of: Comparison, *how: Any) -> Iterator[dict[Any, Any]]:
            try:
                asked = request_of(number, *how)
                for drawn in self._steps(request, asked, of):
                    yield {self.view: drawn_html(drawn), self.status: status_line(_status(drawn, asked))}
                yield {costs: table_value(list(COLUMNS), self.priors.table())}
            except gr.Error as error:
                yield {self.status: status_line(Status("error", error.message))}

        running = self.go.click(on_go, [self.number, self.asked.of, *self.asked.settings], outputs, **QUIET)
        self.stop.click(None, None, None, js=_STOPPED.replace("ID", self.elem_id), cancels=running, **QUIET)

    def _steps(self, request: gr.Request, asked: DrawRequest, of: Comparison) -> Iterator[list[Drawn]]:
        if not asked.priors:
            raise gr.Error("Choose at least one prior.", print_exception=False)
        with show_errors(), turn(self.context, request, asked.priors):
            yield from draw(self.priors, asked, of.photo if self.complete else None)


class Bits(TabPart):
    """A tab with what surprises priors in the photograph."""

    def __init__(self, context: Context, priors: Priors, asked: Asked):
        super().__init__(context, "Surprise")
        self.surprises = Surprises(priors)
        with self.tab:
            self.view = generated("generate-bits")
            gr.Markdown(ABOUT, elem_classes="hint")
        self.inputs, self.outputs = [asked.of, asked.priors, asked.label], [self.view]

    def show(self, of: Comparison, names: list[str], label: str) -> dict[Any, Any]:
        """Return the cards of the chosen priors."""
        if not names:
            return {self.view: '<p class="hint">Choose at least one prior.</p>'}
        if self.context.limits is not None:
            self.context.limits.check(names, 0)
        return {self.view: surprise_html(self.surprises.measure(names, of.photo, label))}


def request_of(
    number: int,
    names: Sequence[str],
    label: str,
    seed: int,
    temperature: float,
    top_k: int,
    top_p: float,
    guidance: float,
) -> DrawRequest:
    """Return the request of a page's or a program's values."""
    return DrawRequest(tuple(names), label, number, Settings(temperature, top_k, top_p, guidance, seed))


def turn(context: Context, request: gr.Request, names: Sequence[str]) -> AbstractContextManager[None]:
    """Return a visitor's turn within the limits; raises gr.Error for too many priors."""
    if context.limits is not None:
        context.limits.check(names, 0)
    return context.turn(request)


def _status(drawn: Sequence[Drawn], asked: DrawRequest) -> Status:
    if all(each.pixels is None and not each.problem for each in drawn):
        return Status("running", "The priors are being loaded.")
    if all(each.done or each.problem for each in drawn):
        return Status("done", f"{asked}: all is drawn.")
    return Status("running", f"{asked}: {sum(each.progress for each in drawn) / len(drawn):.0%} of the tokens.")
