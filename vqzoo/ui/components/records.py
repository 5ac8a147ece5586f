"""What a program gets of a comparison: records with numbers and PNG files, described as such."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from vqzoo.analysis.result import Result
from vqzoo.views.engine import Engine
from vqzoo.views.pictures import png
from vqzoo.views.records import NUMBERS, record

_TEXTS = ("name", "kind", "about")


def records(label: str) -> gr.JSON:
    """Create the component, which no person sees; its value is a list of records, see `png_file`."""
    component = gr.JSON(visible=False, label=label)
    fields: dict[str, Any] = {text: {"type": "string"} for text in _TEXTS}
    fields |= {name: {"anyOf": [{"type": "number"}, {"type": "null"}]} for name in (*NUMBERS, "quality")}
    fields["png"] = {"type": "string", "format": "filepath"}
    schema = {"type": "array", "items": {"type": "object", "properties": fields}}
    component.api_info_as_output = lambda: schema  # type: ignore[method-assign]
    return component


def png_file(engine: Engine, name: str, result: Result, path: Path) -> dict[str, Any]:
    """Write a reconstruction to `path`; returns its record with the file as "png", which clients download."""
    path.write_bytes(png(result.pixels))
    return {**record(engine, name, result), "png": FileData(path=str(path), orig_name=f"{name}.png").model_dump()}
