"""What a comparison has come to: pictures side by side, a table, and how far it is."""

from html import escape
from typing import Any

import gradio as gr

from vqzoo.ui.components.dataframe import dataframe
from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.part import QUIET, Part
from vqzoo.views.comparison import COLUMNS, FIRST_SORT, SORTS, Comparison, Status

_EMPTY = "The first comparison is being computed: pictures come one by one."
_ABOUT = (
    "PSNR, SSIM and LPIPS compare bytes, at the size shown. Bits are true bits: every index that decoding "
    "needs, before entropy coding; raw is 24 bits a pixel. Weights: all numbers of a model, in millions, "
    "codevectors among them; what a GPU held beside these at most is in the ZIP. Images seen: in training, "
    "each as often as it was seen. Of a codec every byte of the file counts, at the highest quality that "
    "fits; some cannot go so low. PCA is the best for this photograph of the fitted models here, each with "
    "as few components or as coarse steps as the bits ask for; they were fitted to other images, and "
    "cannot use more bits than they have."
)

# The values that are there, in another order: nothing is asked of the server.
_REORDER = """
(sort, worst, viewer, table) => {
  const best = (viewer.orders || {})[sort] || [];
  const known = worst ? [...best].reverse() : best;
  const place = (name) => known.indexOf(name) < 0 ? known.length : known.indexOf(name);
  const [original, ...pictures] = viewer.pictures;
  pictures.sort((one, two) => place(one.name) - place(two.name));
  const rows = [...table.data].sort((one, two) => place(one[0]) - place(two[0]));
  return [{...viewer, pictures: [original, ...pictures]}, {...table, data: rows, metadata: null}];
}
"""


class Results(Part):
    """A line of status, an order, pictures and a table; `listed` is a state: the comparison that they are of."""

    def __init__(self, context: Context, opened: dict[str, Any]):
        """Lay the part out with `opened`, the values of the first comparison as `compare` yields them."""
        super().__init__(context)
        first: Comparison = opened["shown"]
        status = opened.get("status", Status("running", "The first comparison is being computed."))
        self.listed = gr.State(opened.get("listed", Comparison(first.photo, first.side, ())))
        with gr.Row(elem_id="above"):
            self.status = gr.HTML(status_line(status), elem_id="status")
            self.sort = gr.Dropdown(
                list(SORTS), value=FIRST_SORT, label="Sort by", elem_id="sort", min_width=150, scale=0
            )
            self.worst = gr.Checkbox(False, label="Worst first", elem_id="worst", min_width=120, scale=0)
        self.viewer = viewer(opened["viewer"], "viewer", empty=_EMPTY)
        about = "Measured on this photograph"
        self.table = dataframe(COLUMNS, "table", value=opened["table"], type="array", label=about, max_height=420)
        gr.Markdown(_ABOUT, elem_classes="hint")

    def watch(self) -> None:
        """Sort in the browser."""
        shown = [self.viewer, self.table]
        gr.on([self.sort.input, self.worst.input], None, [self.sort, self.worst, *shown], shown, js=_REORDER, **QUIET)


def status_line(status: Status) -> str:
    """Return the status of a comparison as HTML."""
    return f'<div class="status" role="status" data-kind="{status.kind}">{escape(status.text)}</div>'
