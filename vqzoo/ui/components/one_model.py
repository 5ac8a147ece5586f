"""The field in which a visitor chooses one of the models that the app offers."""

from typing import Any

import gradio as gr

from vqzoo.ui.context import Context


def one_model(context: Context, elem_id: str) -> gr.Dropdown:
    """Create the field; at first it has the first model of the last comparison."""
    return gr.Dropdown(
        list(context.engine.models),
        value=next(iter(context.shown.value.models), None),
        label="Model",
        elem_id=elem_id,
        scale=2,
    )


def follow_offer(context: Context, field: gr.Dropdown) -> None:
    """Offer models that come and go; one that has gone is replaced by the first."""

    def offer(name: str | None) -> Any:
        names = list(context.engine.models)
        return gr.update(choices=names, value=name if name in names else next(iter(names), None))

    context.when_offered(offer, [field], field)
