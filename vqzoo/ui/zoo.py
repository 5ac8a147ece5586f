"""The page of the registry: every model that is known, filters, model cards, loading from the Hub, and the disk."""

from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.limits import hub_allowed
from vqzoo.ui.panels.detail import ById, Detail
from vqzoo.ui.panels.listing import Listing, filters_of
from vqzoo.views.zoo import COLUMNS, Zoo

NAME = "Zoo"


def build(context: Context) -> None:
    """Lay the page out around what is known without asking anybody."""
    zoo = Zoo(context.engine, hub_allowed(), None if context.limits is None else context.limits.loaded)
    listing = Listing(context, zoo)
    with gr.Row(elem_id="zoo-body"):
        with gr.Column(scale=7, min_width=320):
            listing.lay_rows()
            by_id = ById(context, zoo)
            if context.engine.note_on_added:
                gr.Markdown(context.engine.note_on_added, elem_classes="hint")
        with gr.Column(scale=3, min_width=320, elem_id="zoo-detail"):
            detail = Detail(context, zoo)
    listing.follow(detail.chosen)
    detail.follow(listing.again)
    by_id.follow(detail, listing.again)
    _api(zoo, folders=context.limits is None)


def _api(zoo: Zoo, folders: bool) -> None:
    """Register the page's API endpoints; `folders` allows models in folders of this machine."""

    def models(
        text: str = "",
        quantizer: str = "",
        dataset: str = "",
        max_bits: float = 0,
        max_megabytes: float = 0,
        author: str = "",
        where: str = "",
    ) -> list[dict[str, Any]]:
        """List the known models that match all filters; an empty text and 0 match every model.

        where: "this machine", "shipped list", "Hub" or "downloaded". Each has the table's columns, null where unknown.
        """
        wanted = filters_of(text, quantizer, dataset, max_bits or None, max_megabytes or None, author, where)
        return [dict(zip(COLUMNS, row, strict=True)) for row in zoo.rows(wanted)]

    def load_model(source: str) -> str:
        """Download a model, check it, offer it on every page, and return its name there.

        source: a name of the list, or "owner/name" or "owner/name@revision" on the Hub.
        """
        with show_errors():
            known = zoo.entries.get(source)
            steps = zoo.load(known.model) if known else zoo.load_from(source, folders=folders)
            *_, name = steps
        return str(name)

    gr.api(models, api_name="models")
    gr.api(load_model, api_name="load_model")
