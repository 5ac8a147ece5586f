"""The models that came after the start, as one more group of tick boxes."""

from typing import Any

import gradio as gr

from vqzoo.ui.context import Context


def loaded_group(context: Context) -> gr.CheckboxGroup:
    """Out of sight until a model is loaded; it follows `engine.loaded`."""
    group = gr.CheckboxGroup(
        [], value=[], label="Loaded here", visible=False, elem_classes="models", elem_id="models-loaded"
    )
    # The names are those of now, which the page was not built with; the engine says what is not offered.
    group.preprocess = lambda payload: payload or []  # type: ignore[method-assign]
    context.when_offered(lambda ticked: loaded_choices(context, ticked), [group], group)
    return group


def loaded_choices(context: Context, ticked: list[str]) -> dict[Any, Any]:
    """Return the group's update: all loaded models, with those of `ticked` that still are ticked."""
    names = list(context.engine.loaded)
    return gr.update(choices=names, value=[name for name in ticked if name in names], visible=bool(names))
