"""What a program gets of a comparison: records with numbers and PNG files, described as such."""

from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData
from gradio.processing_utils import save_bytes_to_cache

from vqzoo.analysis.result import Result
from vqzoo.views.engine import Engine
from vqzoo.views.pictures import png
from vqzoo.views.records import NUMBERS, record

_TEXTS = ("name", "kind", "about")


def records(label: str) -> gr.JSON:
    """Create the component, which no person sees; its value is a list of records, see `with_file`."""
    component = gr.JSON(visible=False, label=label)
    fields: dict[str, Any] = {text: {"type": "string"} for text in _TEXTS}
    fields |= {name: {"anyOf": [{"type": "number"}, {"type": "null"}]} for name in (*NUMBERS, "quality")}
    fields["png"] = {"type": "string", "format": "filepath"}
    schema = {"type": "array", "items": {"type": "object", "properties": fields}}
    component.api_info_as_output = lambda: schema  # type: ignore[method-assign]
    return component


def with_file(component: gr.JSON, engine: Engine, name: str, result: Result) -> dict[str, Any]:
    """Return the record of a reconstruction with its PNG file as "png"."""
    return {**record(engine, name, result), "png": png_file(component, result.pixels, f"{name}.png")}


def png_file(component: gr.JSON, pixels: np.ndarray, name: str) -> dict[str, Any]:
    """Return uint8 pixels (h, w, 3) as a PNG file in a component's value, which clients download.

    The file is in the component's cache, which Gradio serves, and empties as that of uploads.
    """
    path = save_bytes_to_cache(png(pixels), name, component.GRADIO_CACHE)
    component.temp_files.add(path)
    return FileData(path=path, orig_name=name).model_dump()
