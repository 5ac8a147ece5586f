"""The page that the app opens with: which tokenizer to take for a photograph, at so many bits or for such a quality."""

import json
import time
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr
from gradio.context import Context as Building

from vqzoo.analysis.examples import examples
from vqzoo.metrics.table import METRICS
from vqzoo.ui.components.answer import answer_html, answer_view
from vqzoo.ui.components.photograph import photograph
from vqzoo.ui.components.records import png_file
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import LATEST, QUIET, Part
from vqzoo.views.choice import ORDERS, QUALITY, UNITS, Answer, Choice, Wish
from vqzoo.views.choose import choose
from vqzoo.views.comparison import FIRST_SORT, Comparison
from vqzoo.views.opening import first
from vqzoo.views.share import View

NAME = "Choose"
SIDES = (128, 256, 512, 1024)

# Marks in the browser, at once, what is on the page as old; with a new photograph, brings the answer into sight.
_OLD = """
(...values) => {
  const head = document.querySelector('#choose-head');
  if (SCROLL && head.getBoundingClientRect().top > innerHeight * 0.7) head.scrollIntoView({ behavior: 'smooth' });
  document.querySelector('#choose-answer .answer')?.setAttribute('data-old', '');
  const line = document.querySelector('#choose-status .status');
  if (line) { line.dataset.kind = 'running'; line.textContent = 'Choosing.'; }
  return values;
}
"""


def build(context: Context, opened: dict[str, Any]) -> None:
    """Lay the page out around an answer; without one it is computed when the page has come up."""
    with gr.Row(elem_id="choose-page"):
        with gr.Column(scale=1, min_width=290, elem_id="choose-controls"):
            asked = Asked(context)
        with gr.Column(scale=4, min_width=320):
            chooser = Chooser(context, asked, opened.get("answer"))
    chooser.watch()


class Asked(Part):
    """What a visitor asks for: a photograph, a wish, and the metric by which the answer is ordered."""

    def __init__(self, context: Context):
        super().__init__(context)
        first, pictures = Wish(), [str(path) for path in examples().values()]
        limits = context.limits
        self.photograph = photograph(None, "Your photograph", 200, elem_id="choose-photograph")
        self.examples = gr.Examples(
            [[path] for path in pictures],
            self.photograph,
            label="Or an example",
            elem_id="choose-examples",
            examples_per_page=6,
        )
        self.value = gr.Number(first.value, label="Wish", elem_id="choose-value")
        self.unit = gr.Radio(
            [(f"{unit}, at {'least' if unit == QUALITY else 'most'}", unit) for unit in UNITS],
            value=first.unit,
            show_label=False,
            label="Unit of the wish",
            elem_id="choose-unit",
        )
        with gr.Accordion("More", open=False, elem_id="choose-more"):
            self.order = gr.Radio(
                [(METRICS[name].label, name) for name in ORDERS],
                value=first.order,
                label="Best by",
                info="LPIPS is closer to what eyes see, PSNR compares pixels.",
                elem_id="choose-order",
            )
            self.side = gr.Dropdown(
                [side for side in SIDES if limits is None or side <= limits.side],
                value=256,
                label="Longest side, pixels",
                info="Larger photographs are shrunk to it.",
                elem_id="choose-side",
            )


class Chooser(Part):
    """The answer: a line of status, a button that goes on to Compare, and pictures in order."""

    def __init__(self, context: Context, asked: Asked, opened: Answer | None):
        super().__init__(context)
        self.asked, self.finished = asked, opened is not None
        self.shown = gr.State(None if opened is None else opened.shown)
        with gr.Row(elem_id="choose-head"):
            self.status = gr.HTML(_status(opened), elem_id="choose-status")
            self.go = gr.Button(
                "Compare these", variant="primary", size="md", elem_id="choose-compare", scale=0, min_width=150
            )
        self.view = answer_view("" if opened is None else answer_html(opened), "choose-answer")
        # A person's fields hold values of their own kinds; these are what a program gives and gets.
        self.longest = gr.Number(256, precision=0, label="longest", visible=False)
        self.program = gr.Checkbox(visible=False)
        self.records = gr.JSON(visible=False, label="answer")

    def watch(self) -> None:
        """Answer whenever the photograph or the wish changes, and a program's call."""
        asked = self.asked
        inputs = [asked.photograph, asked.value, asked.unit, asked.order, asked.side]
        outputs = [self.status, self.view, self.shown]
        settings: dict[str, Any] = {"inputs": inputs, "outputs": outputs, "concurrency_id": "choose"}
        for change in (asked.photograph.input, asked.examples.load_input_event.then):
            change(self._on_change, js=_OLD.replace("SCROLL", "true"), **settings, **LATEST)
        settings["js"] = _OLD.replace("SCROLL", "false")
        for change in (asked.value.input, asked.order.input, asked.side.input):
            change(self._on_change, **settings, **LATEST)
        suggest = f"(unit) => {{ ({settings['js']})(); return {json.dumps(UNITS)}[unit]; }}"
        suggested = asked.unit.input(None, asked.unit, asked.value, js=suggest, **QUIET)
        suggested.then(self._on_change, **settings, **LATEST)
        pages = self.context.tab.parent
        assert isinstance(pages, gr.Tabs)
        self.go.click(self._on_compare, self.shown, [self.context.asked, pages], **QUIET)
        if not self.finished:
            root = Building.root_block
            assert isinstance(root, gr.Blocks)
            root.load(self._on_change, inputs, outputs, concurrency_id="choose", **QUIET)
        self.program.input(
            self.choose,
            [asked.photograph, asked.value, asked.unit, asked.order, self.longest],
            self.records,
            api_name="choose",
            concurrency_id="choose",
        )

    def steps(self, request: gr.Request, photograph: str | None, side: int, *wish: Any) -> Iterator[Answer]:
        """Yield the steps of `choose` within the limits; raises gr.Error with the message of a ValueError."""
        limits = self.context.limits
        with show_errors():
            if limits is not None:
                limits.check([], side)
            with self.context.turn(request):
                yield from choose(self.engine, photograph or first(self.engine).photo, side, Wish(*wish))

    def choose(
        self, request: gr.Request, photograph: str | None, value: float, unit: str, order: str, longest: int
    ) -> dict[str, Any]:
        """Choose tokenizers for a photograph: which to take at so many bits, or for such a quality.

        Args:
            request: given by Gradio.
            photograph: an image file; without one an example.
            value: what the tokens may cost, or how good the photograph has to be, in `unit`.
            unit: "bits a pixel", "kilobytes" (of 1000 bytes) or "PSNR in dB".
            order: the metric by which models are ordered: "lpips" (lower is better) or "psnr".
            longest: longest side in pixels, to which larger photographs are shrunk.

        Returns:
            {"headline", "why", "models", "codec"}: models is a list of records, best first, codec the record of the
            best image codec at the bits of the first. A record has "name", "meets" (the wish), "lpips", "psnr",
            "bits_per_image", "bits_per_pixel", "encode_ms", "decode_ms", what it is good for as "use", how it was
            "trained", and the reconstruction as a PNG file, "png".
        """
        *_, answer = self.steps(request, photograph, longest, value, unit, order)
        models = [self._record(choice) for choice in answer.choices]
        codec = None if answer.codec is None else self._record(answer.codec)
        return {"headline": answer.headline, "why": answer.why, "models": models, "codec": codec}

    def _record(self, choice: Choice) -> dict[str, Any]:
        return {**choice.record(), "png": png_file(self.records, choice.result.pixels, f"{choice.name}.png")}

    def _on_change(
        self, request: gr.Request, photograph: str | None, value: float, unit: str, order: str, side: int
    ) -> Iterator[dict[Any, Any]]:
        try:
            for answer in self.steps(request, photograph, side, value, unit, order):
                yield {self.status: _status(answer), self.view: answer_html(answer), self.shown: answer.shown}
        except gr.Error as error:
            yield {self.status: _line("error", error.message)}

    def _on_compare(self, shown: Comparison | None) -> tuple[Any, Any]:
        if shown is None or not shown.models:
            raise gr.Error("There is nothing to compare yet: choose a photograph first.", print_exception=False)
        view = View("Compare", shown.photo, shown.side, shown.models, False, FIRST_SORT, False, asked=time.monotonic())
        return view, gr.Tabs(selected=view.page)


def _status(answer: Answer | None) -> str:
    if answer is None:
        return _line("running", "The first answer is being computed.")
    if answer.progress:
        return _line("running", answer.progress)
    number = len(answer.choices)
    return _line("done", f"{number} {'model' if number == 1 else 'models'}, best first.")


def _line(kind: str, text: str) -> str:
    return f'<div class="status" role="status" data-kind="{kind}">{escape(text)}</div>'
