"""Close-ups of the places where pictures differ most, as a table with a row for each patch."""

from collections.abc import Sequence
from html import escape

from vqzoo.views.closeups import CloseUp
from vqzoo.views.table import html_table


def closeups_html(patches: Sequence[CloseUp], none: str) -> str:
    """Return a table with one row per patch and one column per picture, or the text `none` without patches."""
    if not patches:
        return f'<p class="position-waiting">{escape(none)}</p>'
    head = ["patch", *(picture.name for picture in patches[0].pictures)]
    table = html_table(head, [_row(number, patch) for number, patch in enumerate(patches, 1)])
    return f'<div class="position-closeups" tabindex="0" role="region" aria-label="close-ups">{table}</div>'


def _row(number: int, patch: CloseUp) -> list[str]:
    where = f"{patch.side} × {patch.side} pixels from the left {patch.left}, from the top {patch.top}"
    about = f"{where}; mean difference {patch.difference:.1f} / 255"
    images = [f'<img src="{each.uri}" alt="patch {number} of {escape(each.name)}">' for each in patch.pictures]
    return [f"{number}<span>{about}</span>", *images]
