"""The page of positional encodings: twins with and without one, and every encoding switched off."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import gradio as gr

from vqzoo.hub.registry import Model
from vqzoo.ui.components.closeups import closeups_html
from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.chosen_photo import ChosenPhoto
from vqzoo.ui.panels.curves import Panels
from vqzoo.ui.part import TELLING, Part
from vqzoo.views.comparison import Comparison
from vqzoo.views.pictures import Picture, viewer_value
from vqzoo.views.position import ABOUT, CURVES, cases, curves, show_case

NAME = "Position"

_NONE = (
    "No model here has a positional encoding. Train one: "
    "`accelerate launch trainers/train.py cifar10-cvq-1024x128-sinusoidal`."
)
_CLOSE_UPS = (
    "### Where the encoding shows\nThe squares, an eighth of the longer side wide, in which the pictures with the "
    "encoding and with it switched off differ most on average; the largest difference first, none over another."
)
_CURVES = (
    "### How the twins were trained\nThin lines: training, means over the steps since the point before. Thick ones "
    "with dots: held-out images."
)
_SAME = "With the encoding and without it the pictures are the same."
_PATCH = ("left", "top", "side", "difference")
_WAITING = '<p class="position-waiting">The close-ups come when all pictures are there.</p>'


def build(context: Context) -> None:
    """Lay the page out; it computes when it is first looked at, as that may take as long as all of a comparison."""
    if cases(list(context.engine.models.values())):
        photograph = ChosenPhoto(context, "position-photo")
        twins = Twins(photograph.page)
        photograph.watch()
        twins.watch()
        twins.offer_endpoint(context.shown)
    else:
        gr.Markdown(_NONE)


class Trainings(Part):
    """How the twins were trained: a table and curves."""

    def __init__(self, context: Context):
        super().__init__(context)
        gr.Markdown(_CURVES, elem_classes="position-head")
        self.summary = gr.HTML("", elem_id="position-trainings")
        with gr.Row(elem_id="position-curves"):
            self.panels = Panels(CURVES)

    def show(self, case: Sequence[Model]) -> dict[Any, Any]:
        """Return the values for a case."""
        drawn, table, missing = curves(case)
        text = f"<p>{escape(missing)}</p>{table}" if missing else table
        return {self.summary: text, **self.panels.show(drawn)}


class Twins(Part):
    """Two models on the photograph, the close-ups of them, and their trainings; `drawn` is a state, whose these are."""

    def __init__(self, context: Context):
        super().__init__(context)
        self.which = gr.Dropdown(list(self._cases()), label="Twins", elem_id="position-pair")
        self.pictures = viewer(viewer_value([]), "position-viewer", errors=False, empty="The twins are being decoded.")
        gr.Markdown(ABOUT, elem_classes="hint")
        gr.Markdown(_CLOSE_UPS, elem_classes="position-head")
        self.closer = gr.HTML(_WAITING, elem_id="position-closeups")
        self.trainings = Trainings(context)
        self.drawn = gr.State("")

    def watch(self) -> None:
        """Compute when the page is looked at, and for other twins."""
        self.context.when_offered(self._offer, [self.which], self.which)
        trainings = self.trainings
        inputs = [self.context.shown, self.which, self.drawn]
        outputs = [self.pictures, self.closer, trainings.summary, self.drawn, *trainings.panels.slots]
        self.context.when_seen(self.show, inputs, outputs)
        self.which.input(self._on_twins, inputs, outputs, **TELLING)

    def offer_endpoint(self, shown: gr.State) -> None:
        """Register the page's API endpoint, on the photograph of the comparison `shown`."""
        with gr.Row(visible=False):
            button, pictures, patches = gr.Button(), gr.Gallery(format="png"), gr.JSON()
        button.click(self.position, [shown, self.which], [pictures, patches], api_name="position")

    def show(self, shown: Comparison, twins: str, drawn_for: str) -> Iterator[dict[Any, Any]]:
        """Yield the values as they are computed; the trainings only where others are drawn."""
        case = self._known(twins)
        for step in show_case(self.engine, shown, case):
            yield (
                {self.pictures: step["viewer"]}
                if "viewer" in step
                else {self.closer: closeups_html(step["closeups"], _SAME)}
            )
        if twins != drawn_for:
            yield {self.drawn: twins, **self.trainings.show(case)}

    def _on_twins(self, *values: Any) -> Iterator[dict[Any, Any]]:
        with show_errors():
            yield from self.show(*values)

    def position(self, shown: Comparison, twins: str) -> tuple[list[tuple[Any, str]], list[dict[str, Any]]]:
        """Compare twins on the photograph compared last: with and without the encoding, and where that shows.

        Args:
            shown: the session's last comparison.
            twins: one of the choices of the page.

        Returns:
            pictures as PNG files with captions of their metrics, and a record for each of the squares where switching
            the encoding off changes most: left, top and side in pixels, and the mean difference of bytes.
        """
        with show_errors():
            *_, pictures, closer = show_case(self.engine, shown, self._known(twins))
        shots = [each for each in pictures["pictures"] if isinstance(each, Picture)]
        patches = [{name: getattr(each, name) for name in _PATCH} for each in closer["closeups"]]
        return [(each.pixels, f"{each.name}: {each.caption}") for each in shots], patches

    def _known(self, twins: str) -> tuple[Model, ...]:
        known = self._cases()
        if twins not in known:
            raise ValueError(f"twins={twins!r}: expected one of {', '.join(known)}")
        return known[twins]

    def _cases(self) -> dict[str, tuple[Model, ...]]:
        return cases(list(self.engine.models.values()))

    def _offer(self, twins: str) -> Any:
        known = list(self._cases())
        return gr.update(choices=known, value=twins if twins in known else next(iter(known), None))
