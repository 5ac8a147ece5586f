"""The answer of the Choose page as HTML, which needs no script."""

import time
from html import escape

import gradio as gr

from vqzoo.analysis.formats import parse_label
from vqzoo.metrics.table import METRICS, show_of
from vqzoo.ui.components.files import read
from vqzoo.views.choice import Answer, Choice
from vqzoo.views.pictures import Picture

_LABELS = {
    "lpips": ("LPIPS", "Perceptual distance to the photograph: 0 is equal, lower is better"),
    "psnr": ("PSNR", "Peak signal-to-noise ratio of the pixels, in dB: higher is better"),
    "bits_per_pixel": ("bits a pixel", "True bits: every index that decoding needs; of a codec the whole file"),
    "ms": ("time", "To encode and to decode this photograph on this machine, in milliseconds"),
}


def answer_view(html: str, elem_id: str) -> gr.HTML:
    """Create the component; its value is that of `answer_html`."""
    return gr.HTML(html, css_template=read("answer", "css"), elem_id=elem_id)


def answer_html(answer: Answer, addresses: dict[str, str] | None = None) -> str:
    """Return the answer as HTML; `addresses` of its pictures by name, "" for the photograph, replace data URIs."""
    cards = [_card("", _picture(answer, None, addresses), "The photograph", escape(answer.photo.note))]
    for number, choice in enumerate(answer.choices, 1):
        kind = "first" if number == 1 and choice.meets else ""
        badge = f'<span class="badge" title="rank">{number}</span> ' if choice.meets else _other("over the wish")
        cards.append(_card(kind, _picture(answer, choice, addresses), badge + escape(choice.name), _facts(choice)))
    if answer.codec is not None:
        parsed = parse_label(answer.codec.name)
        assert parsed is not None
        badge = _other("image codec")
        cards.append(_card("", _picture(answer, answer.codec, addresses), badge + parsed[0], _facts(answer.codec)))
    words = f'<p class="headline">{escape(answer.headline)}</p><p class="why">{escape(answer.why)}</p>'
    # A number of its own, so that an equal answer is drawn again and no longer marked as old.
    return f'<div class="answer" data-number="{time.monotonic_ns()}">{words}<ol>{"".join(cards)}</ol></div>'


def _card(kind: str, picture: str, head: str, body: str) -> str:
    return f'<li class="{kind}">{picture}<h3>{head}</h3>{body}</li>'


def _other(text: str) -> str:
    return f'<span class="badge other">{text}</span> '


def _picture(answer: Answer, choice: Choice | None, addresses: dict[str, str] | None) -> str:
    name = "" if choice is None else choice.name
    pixels = answer.photo.pixels if choice is None else choice.result.pixels
    address = Picture(name, pixels).uri if addresses is None else addresses[name]
    height, width = pixels.shape[:2]
    about = escape(f"reconstruction by {name}" if name else "the photograph", quote=True)
    return f'<img src="{address}" width="{width}" height="{height}" alt="{about}">'


def _facts(choice: Choice) -> str:
    metrics = choice.result.metrics
    times = [metrics["encode_ms"], metrics["decode_ms"]]
    values = {
        "lpips": show_of("lpips", metrics),
        "psnr": METRICS["psnr"].with_unit(metrics["psnr"]),
        "bits_per_pixel": f"{show_of('bits_per_pixel', metrics)} · {metrics['bits_per_image']:,.0f} bits",
        "ms": "not timed here yet" if None in times else " + ".join(f"{each:,.0f}" for each in times) + " ms",
    }
    rows = "".join(
        f'<dt title="{escape(_LABELS[name][1], quote=True)}">{_LABELS[name][0]}</dt><dd>{value}</dd>'
        for name, value in values.items()
    )
    more = f"<details><summary>Trained and measured</summary><p>{escape(choice.trained)}</p></details>"
    return f'<dl>{rows}</dl><p class="use">{escape(choice.use)}</p>{more if choice.trained else ""}'
