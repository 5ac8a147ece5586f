"""The models that are compared: chips above the pictures, and a drawer with all that are offered."""

from collections.abc import Iterable
from typing import Any

import gradio as gr

from vqzoo.hub.registry import Model
from vqzoo.ui.components.picker import picker
from vqzoo.ui.context import Context
from vqzoo.ui.part import Part
from vqzoo.views.methods import about, by_rate

_LOADED = "loaded here"


class Models(Part):
    """The choice of models; it follows those that are loaded and removed."""

    def __init__(self, context: Context, chosen: Iterable[str]):
        super().__init__(context)
        self.picker = picker(self.value(chosen), "models")
        context.when_offered(lambda value: self.value(chosen_of(value)), [self.picker], self.picker)

    def value(self, chosen: Iterable[str]) -> dict[str, Any]:
        """Return the picker's value with those of `chosen` that are offered, in the order of the groups."""
        loaded = self.engine.loaded
        shipped = [model for name, model in self.engine.models.items() if name not in loaded]
        groups = by_rate(shipped) | ({_LOADED: [self.engine.models[name] for name in loaded]} if loaded else {})
        wanted = set(chosen)
        return {
            "chosen": [model.name for group in groups.values() for model in group if model.name in wanted],
            "groups": [_group(label, group) for label, group in groups.items()],
        }


def chosen_of(value: dict[str, Any]) -> list[str]:
    """Return the names that are chosen in a picker's value; ValueError for a value that is none."""
    names = value.get("chosen") if isinstance(value, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise gr.Error("models: expected a list of names", print_exception=False)
    return names


def _group(label: str, models: list[Model]) -> dict[str, Any]:
    rows = [{"name": model.name, "tip": about(model)} for model in models]
    return {"label": label, "id": "models-loaded" if label == _LOADED else "", "models": rows}
