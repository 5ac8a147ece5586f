"""What a comparison has come to: pictures side by side, and a table."""

from typing import Any

import gradio as gr

from vqzoo.ui.components.measures import measures
from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.part import QUIET, Part
from vqzoo.views.comparison import COLUMNS, FIRST_SORT, SORTS, Comparison

_EMPTY = "The first comparison is being computed: pictures come one by one."
_ABOUT = (
    "Measured on this photograph, at the size shown, from bytes. Bits are true bits: every index that decoding needs, "
    "before entropy coding; raw is 24 bits a pixel. Of a codec every byte of the file counts, at the highest quality "
    "that fits; some cannot go so low. PCA is the best of the fitted models here, made as coarse as the bits ask for."
)

# The values that are there, in another order: nothing is asked of the server.
_REORDER = """
(sort, worst, viewer, table) => {
  const best = (viewer.orders || {})[sort] || [];
  const known = worst ? [...best].reverse() : best;
  const rank = (name) => known.indexOf(name) < 0 ? known.length : known.indexOf(name);
  const [original, ...pictures] = viewer.pictures;
  pictures.sort((one, two) => rank(one.name) - rank(two.name));
  const rows = [...table.rows].sort((one, two) => rank(one[0]) - rank(two[0]));
  return [{...viewer, pictures: [original, ...pictures]}, {...table, rows, order: [sort, worst]}];
}
"""


class Results(Part):
    """An order, pictures and a table; `listed` is a state: the comparison that they are of."""

    def __init__(self, context: Context, opened: dict[str, Any]):
        """Lay the part out with `opened`, the values of the first comparison as `compare` yields them."""
        super().__init__(context)
        first: Comparison = opened["shown"]
        self.listed = gr.State(opened.get("listed", Comparison(first.photo, first.side, ())))
        self.viewer = viewer(opened["viewer"], "viewer", empty=_EMPTY)
        with gr.Row(elem_id="order"):
            self.sort = gr.Dropdown(
                list(SORTS), value=FIRST_SORT, label="Sort by", elem_id="sort", min_width=150, scale=0
            )
            self.worst = gr.Checkbox(False, label="Worst first", elem_id="worst", min_width=120, scale=0)
        self.table = measures(table_value(opened), "table")
        gr.Markdown(_ABOUT, elem_classes="hint")

    def watch(self) -> None:
        """Sort in the browser."""
        shown = [self.viewer, self.table]
        gr.on([self.sort.input, self.worst.input], None, [self.sort, self.worst, *shown], shown, js=_REORDER, **QUIET)


def table_value(step: dict[str, Any]) -> dict[str, Any]:
    """Return the value of the table for a step of `compare`."""
    pictures = step["viewer"]["pictures"]
    return {
        "heads": [{"text": text, "tip": tip} for text, tip in COLUMNS.items()],
        "rows": step["table"],
        "tips": {picture["name"]: picture["tip"] for picture in pictures if "tip" in picture},
        "behind": step["viewer"].get("behind", {}),
    }
