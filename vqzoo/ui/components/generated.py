"""Images drawn with priors, and what surprises priors in a photograph, as HTML that needs no script."""

import base64
import time
from collections.abc import Sequence
from html import escape

import gradio as gr
import numpy as np

from vqzoo.ui.components.files import read
from vqzoo.views.generate import Drawn
from vqzoo.views.pictures import Picture, png
from vqzoo.views.surprise import Surprise

_RAMP = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 220]])
"""Colours from 0 to the most bits, those of the app's other maps."""


def generated(elem_id: str, text: str = "") -> gr.HTML:
    """Create the component with a text; its later values are those of `drawn_html` or `surprise_html`."""
    return gr.HTML(f'<p class="hint">{escape(text)}</p>', css_template=read("generated", "css"), elem_id=elem_id)


def drawn_html(drawn: Sequence[Drawn]) -> str:
    """Return a card for each prior with what is drawn so far."""
    return _cards([_card(each.name, _body(each)) for each in drawn], any(each.given is not None for each in drawn))


def surprise_html(surprises: Sequence[Surprise]) -> str:
    """Return a card for each prior: the photograph as decoded, the map with its legend, and the bits."""
    return _cards([_card(each.name, _measured(each)) for each in surprises], True)


def _cards(cards: Sequence[str], pairs: bool) -> str:
    # A number of its own, so that equal cards are drawn again and no longer marked as old.
    return f'<ol class="gen{" pairs" if pairs else ""}" data-number="{time.monotonic_ns()}">{"".join(cards)}</ol>'


def _card(name: str, body: str) -> str:
    return f"<li><h3>{escape(name)}</h3>{body}</li>"


def _body(each: Drawn) -> str:
    if each.problem:
        return f'<p class="problem">{escape(each.problem)}</p>'
    if each.pixels is None:
        return "<p>Loading.</p>"
    sheet = each.sheet()
    uri = "data:image/png;base64," + base64.b64encode(png(sheet)).decode()
    number = len(each.pixels)
    alt = f"{number} {'image' if number == 1 else 'images'}, {each.progress:.0%} of the tokens drawn"
    given = ""
    if each.given is not None:
        given = f"<figure>{_image(each.given, 'the photograph as decoded')}<figcaption>photograph</figcaption></figure>"
    state = f"{each.seconds:.2g} s an image" if each.done else f"{each.progress:.0%} drawn"
    height, width = sheet.shape[:2]
    picture = f'<img class="sheet" decoding="sync" src="{uri}" width="{width}" height="{height}" alt="{alt}">'
    caption = "<figcaption>continued</figcaption>" if given else ""
    return f'<div class="pair">{given}<figure>{picture}{caption}</figure></div><p>{state}</p>'


def _image(pixels: np.ndarray, alt: str) -> str:
    height, width = pixels.shape[:2]
    return f'<img src="{Picture("", pixels).uri}" width="{width}" height="{height}" alt="{alt}">'


def _measured(each: Surprise) -> str:
    if each.problem or each.decoded is None or each.cells is None:
        return f'<p class="problem">{escape(each.problem)}</p>'
    most = float(each.cells.max()) or 1.0
    picture = f"<figure>{_image(each.decoded, 'the photograph as decoded')}</figure>"
    legend = f'<p class="legend"><span>0</span><span class="ramp"></span><span>{most:.1f} bits a cell</span></p>'
    facts = {
        "under the prior": (f"{each.bits:,.0f} bits", "−log₂ of the probability of the photograph's tokens"),
        "true bits": (f"{each.true_bits:,.0f} bits", "Every index that decoding needs, before entropy coding"),
        ".vqz file": (
            "–" if each.file_bits is None else f"{each.file_bits:,} bits",
            "The whole file, its header included",
        ),
    }
    rows = "".join(
        f'<dt title="{escape(tip, quote=True)}">{name}</dt><dd>{value}</dd>' for name, (value, tip) in facts.items()
    )
    return f'<div class="pair">{picture}<figure>{_map(each, most)}</figure></div>{legend}<dl>{rows}</dl>'


def _map(each: Surprise, most: float) -> str:
    """Return an SVG of the cells over the photograph, each with its bits as a tooltip."""
    assert each.cells is not None and each.decoded is not None
    height, width = each.decoded.shape[:2]
    high, wide = (covered / number for covered, number in zip(each.covers, each.cells.shape, strict=True))
    cells = "".join(
        f'<rect x="{column * wide:g}" y="{row * high:g}" width="{wide:g}" height="{high:g}" '
        f'fill="{_colour(bits / most)}"><title>{bits:.1f} bits</title></rect>'
        for (row, column), bits in np.ndenumerate(each.cells)
    )
    label = f"map of bits a cell, from {each.cells.min():.1f} to {most:.1f}"
    picture = f'<image href="{Picture("", each.decoded).uri}" width="{width}" height="{height}"/>'
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{picture}<g>{cells}</g></svg>'


def _colour(share: float) -> str:
    red, green, blue = (np.interp(share, np.linspace(0, 1, len(_RAMP)), channel) for channel in _RAMP.T)
    return f"#{round(red):02x}{round(green):02x}{round(blue):02x}"
