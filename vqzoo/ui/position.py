"""The page of positional encodings: twins with and without one, and every encoding switched off."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import gradio as gr

from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
from vqzoo.views.closeups import CloseUp
from vqzoo.views.pictures import viewer_value
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
_WAITING = '<p class="position-waiting">The close-ups come when all pictures are there.</p>'


def build(context: Context) -> None:
    """Lay the page out; it computes when it is first looked at, as that may take as long as all of a comparison."""
    engine = context.engine
    pairs = cases(list(engine.models.values()))
    if not pairs:
        gr.Markdown(_NONE)
        return
    which = gr.Dropdown(list(pairs), label="Twins", elem_id="position-pair")
    pictures = viewer(
        viewer_value([]),
        "position-viewer",
        errors=False,
        empty="The twins are being decoded.",
    )
    gr.Markdown(ABOUT, elem_classes="hint")
    gr.Markdown(_CLOSE_UPS, elem_classes="position-head")
    closer = gr.HTML(_WAITING, elem_id="position-closeups")
    gr.Markdown(_CURVES, elem_classes="position-head")
    said = gr.HTML("", elem_id="position-trainings")
    with gr.Row(elem_id="position-curves"):
        slots = [gr.Plot(visible=False, label="curve", buttons=[], min_width=280) for _ in range(CURVES)]
    drawn = gr.State("")

    def position(shown: tuple, twins: str, drawn_for: str) -> Iterator[dict[Any, Any]]:
        """Twins on the photograph compared last: with and without the encoding, their differences, close-ups, curves.

        Args:
            twins: one of the choices of the page.

        Returns:
            pictures as PNG data URIs or as places of the two whose difference is meant, HTML of the close-ups, HTML
            of what is known of the trainings, and figures of the curves.
        """
        known = cases(list(engine.models.values()))
        if twins not in known:
            raise ValueError(f"twins={twins!r}: expected one of {', '.join(known)}")
        case = known[twins]
        for step in show_case(engine, shown, case):
            if "viewer" in step:
                yield {pictures: step["viewer"]}
            else:
                yield {closer: _table(step["closeups"])}
        if twins != drawn_for:
            found, table, missing = curves(case)
            left = CURVES - len(found)
            yield {
                drawn: twins,
                said: f"<p>{escape(missing)}</p>{table}" if missing else table,
                **{
                    slot: gr.Plot(panel.figure, visible=True, label=panel.title)
                    for slot, panel in zip(slots, found, strict=False)
                },
                **{slot: gr.Plot(visible=False) for slot in slots[CURVES - left :]},
            }

    def on_choice(shown: tuple, twins: str, drawn_for: str) -> Iterator[dict[Any, Any]]:
        with told():
            yield from position(shown, twins, drawn_for)

    def offer(twins: str) -> Any:
        known = list(cases(list(engine.models.values())))
        return gr.update(choices=known, value=twins if twins in known else next(iter(known), None))

    on_choice.__doc__ = position.__doc__
    context.when_offered(offer, [which], which)
    inputs, outputs = [context.shown, which, drawn], [pictures, closer, said, drawn, *slots]
    context.when_seen(position, inputs, outputs)
    which.input(on_choice, inputs, outputs, trigger_mode="always_last", api_name="position", show_progress="minimal")


def _table(patches: Sequence[CloseUp]) -> str:
    """A row a patch, a column a picture."""
    if not patches:
        return '<p class="position-waiting">With the encoding and without it the pictures are the same.</p>'
    names = [picture.name for picture in patches[0].pictures]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(_row(number, patch) for number, patch in enumerate(patches, 1))
    return f'<div class="position-closeups" tabindex="0" role="region" aria-label="close-ups"><table><thead><tr>\
<th scope="col">patch</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(number: int, patch: CloseUp) -> str:
    where = f"{patch.side} × {patch.side} pixels from the left {patch.left}, from the top {patch.top}"
    said = f"{where}; mean difference {patch.difference:.1f} / 255"
    cells = "".join(
        f'<td><img src="{each.uri}" alt="patch {number} of {escape(each.name)}"></td>' for each in patch.pictures
    )
    return f'<tr><th scope="row">{number}<span>{said}</span></th>{cells}</tr>'
