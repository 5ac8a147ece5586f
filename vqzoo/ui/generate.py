"""The page of generation: images drawn through several tokenizers, surprises in a photograph, its lower half anew."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vqzoo.ui.components.dataframe import dataframe, table_value
from vqzoo.ui.components.records import png_file
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.generate import Asked, Bits, Drawing, request_of, turn
from vqzoo.ui.part import Part
from vqzoo.views.comparison import Comparison
from vqzoo.views.generate import COMPLETE_ABOUT, DRAW_ABOUT, Drawn, DrawRequest, Settings, draw
from vqzoo.views.priors import COLUMNS, NO_CLASS, Priors
from vqzoo.views.surprise import Surprises
from vqzoo.views.table import records

NAME = "Generate"

_WIDTHS = ("20%", "8%", "7%", "9%", "8%", "11%", "11%", "7%", "11%", "8%")


def build(context: Context) -> None:
    """Lay the page out; no network is imported and nothing computed before a visitor asks for something."""
    priors = Priors(context.engine)
    Endpoints(context, priors).watch()
    for each in priors.damaged:
        gr.Markdown(f"Left out: {each.why}", elem_classes="hint")
    if priors.problem:
        gr.Markdown(priors.problem, elem_id="generate-problem")
        return
    with gr.Row(elem_id="generate-page"):
        with gr.Column(scale=1, min_width=290, elem_id="generate-controls"):
            asked = Asked(context, priors)
        with gr.Column(scale=4, min_width=320):
            with gr.Tabs():
                drawing = Drawing(context, priors, asked, "Draw", "generate-draw", DRAW_ABOUT)
                bits = Bits(context, priors, asked)
                complete = Drawing(context, priors, asked, "Complete", "generate-complete", COMPLETE_ABOUT)
            costs = _costs(priors)
    asked.watch()
    bits.watch()
    drawing.follow(costs)
    complete.follow(costs)


def _list_of(kind: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": kind}}


def _costs(priors: Priors) -> gr.Dataframe:
    gr.Markdown("### What they cost")
    types = ("str", *["number"] * (len(COLUMNS) - 1))
    columns: Any = dict(zip(COLUMNS, zip(types, _WIDTHS, strict=True), strict=True))
    value = table_value(list(COLUMNS), priors.table())
    return dataframe(columns, "generate-costs", value=value, show_label=False)


class Endpoints(Part):
    """The page's API endpoints, which tell what to do where there are no priors."""

    def __init__(self, context: Context, priors: Priors):
        super().__init__(context)
        self.all, self.surprises = priors, Surprises(priors)
        first = Settings()
        with gr.Row(visible=False):
            self.button, self.answer = gr.Button(), gr.JSON(label="records")
            self.names, self.label = gr.JSON([], label="priors"), gr.Textbox(NO_CLASS, label="class")
            self.answer.api_info_as_output = lambda: _list_of("object")  # type: ignore[method-assign]
            self.names.api_info = lambda: _list_of("string")  # type: ignore[method-assign]
            self.images, self.seed = (
                gr.Number(4, precision=0, label="images"),
                gr.Number(first.seed, precision=0, label="seed"),
            )
            self.settings = [
                gr.Number(first.temperature, label="temperature"),
                gr.Number(first.top_k, precision=0, label="top-k"),
                gr.Number(first.top_p, label="top-p"),
                gr.Number(first.guidance, label="guidance"),
            ]

    def watch(self) -> None:
        """Register the endpoints."""
        shown = self.context.shown
        given = [self.names, self.label, self.images, self.seed, *self.settings]
        self.button.click(self.generate, given, self.answer, api_name="generate")
        self.button.click(self.complete, [shown, *given], self.answer, api_name="complete")
        self.button.click(self.surprise, [shown, self.names, self.label], self.answer, api_name="surprise")

        def priors() -> list[dict[str, Any]]:
            """Return the priors of the app, a record each with the columns of the page and its classes."""
            known = {each["prior"]: each for each in records(list(COLUMNS), self.all.table())}
            return [{**known[name], "classes": list(each.classes)} for name, each in self.all.records.items()]

        gr.api(priors, api_name="priors")

    def generate(
        self,
        request: gr.Request,
        priors: list[str],
        label: str,
        images: int,
        seed: int,
        temperature: float,
        top_k: int,
        top_p: float,
        guidance: float,
    ) -> Iterator[Any]:
        """Draw images of a class with priors, each through its own tokenizer.

        Args:
            request: of the session.
            priors: names of those that /priors lists; without any, those that the page opens with.
            label: a class that the priors know, or "any class".
            images: how many of each prior, at most 16.
            seed: of the random numbers.
            temperature: divides the logits; 0 takes the likeliest token.
            top_k: draw among this many of the likeliest tokens only; 0: all.
            top_p: draw among the likeliest tokens that together have this probability.
            guidance: strength of classifier-free guidance; 1: none.

        Returns:
            a record for each prior: its name as "prior", the seconds an image took, and "images", PNG files; or its
            name and what is wrong as "problem".
        """
        asked = request_of(images, priors, label, seed, temperature, top_k, top_p, guidance)
        yield from self._drawn(request, asked, None)

    def complete(
        self,
        request: gr.Request,
        shown: Comparison,
        priors: list[str],
        label: str,
        images: int,
        seed: int,
        temperature: float,
        top_k: int,
        top_p: float,
        guidance: float,
    ) -> Iterator[Any]:
        """Draw the lower half of the photograph compared last anew, several times with each prior.

        The photograph's middle is shrunk to the size of a prior's images. The tokens of its upper half stay.

        Args:
            request: of the session.
            shown: the session's last comparison.
            priors: names of those that /priors lists; without any, those that the page opens with.
            label: a class that the priors know, or "any class".
            images: how many of each prior, at most 16.
            seed: of the random numbers.
            temperature: divides the logits; 0 takes the likeliest token.
            top_k: draw among this many of the likeliest tokens only; 0: all.
            top_p: draw among the likeliest tokens that together have this probability.
            guidance: strength of classifier-free guidance; 1: none.

        Returns:
            records as those of /generate, with the photograph as decoded from its tokens as "photograph", a PNG file.
        """
        asked = request_of(images, priors, label, seed, temperature, top_k, top_p, guidance)
        yield from self._drawn(request, asked, shown.photo)

    def surprise(self, shown: Comparison, priors: list[str], label: str) -> list[dict[str, Any]]:
        """Measure which tokens of the photograph compared last surprise priors.

        The photograph's middle is shrunk to the size of a prior's images.

        Args:
            shown: the session's last comparison.
            priors: names of those that /priors lists; without any, those that the page opens with.
            label: a class that the priors know, or "any class".

        Returns:
            a record for each prior: "bits" of all tokens under it, "true_bits" of all indices, "file_bits" of a .vqz
            file, and "cells", rows of the bits of each cell; or its name and what is wrong as "problem".
        """
        with show_errors():
            return [each.record() for each in self.surprises.measure(priors, shown.photo, label)]

    def _drawn(self, request: gr.Request, asked: DrawRequest, photo: str | None) -> Iterator[Any]:
        """Yield nothing while images are drawn, so that a job can end there, and then the records."""
        last: list[Drawn] = []
        with show_errors(), turn(self.context, request, asked.priors):
            for drawn in draw(self.all, asked, photo):
                last = drawn
                yield gr.skip()
        yield [self._record(each) for each in last]

    def _record(self, each: Drawn) -> dict[str, Any]:
        if each.pixels is None:
            return {"prior": each.name, "problem": each.problem}
        given = {} if each.given is None else {"photograph": png_file(self.answer, each.given, f"{each.name}.png")}
        files = [png_file(self.answer, image, f"{each.name}-{turn}.png") for turn, image in enumerate(each.pixels, 1)]
        return {"prior": each.name, "seconds": each.seconds, **given, "images": files}
