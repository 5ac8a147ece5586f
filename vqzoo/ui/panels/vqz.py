"""The panel that saves the photograph as a .vqz file, and opens one."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from vqzoo.tokens.header import PIXELS, SUFFIX, read_file
from vqzoo.ui.components.one_model import follow_offer, one_model
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import QUIET, TELLING, Part
from vqzoo.views.comparison import Comparison
from vqzoo.views.vqz import ABOUT, Files, opened_line, written_line

NAME = "File"

_DOWNLOAD = "() => setTimeout(() => document.querySelector('#vqz-file').click(), 150)"


class Vqz(Part):
    """A model and the photograph of the last comparison as its file; and a file, and the picture in it."""

    def __init__(self, context: Context):
        super().__init__(context)
        self.files = Files(self.engine)
        with gr.Row(elem_id="vqz"):
            self.model = one_model(context, "vqz-model")
            self.save = gr.Button(f"Save as {SUFFIX}", elem_id="vqz-save", min_width=140, scale=1)
            self.open = gr.UploadButton(
                f"Open a {SUFFIX}", file_types=[SUFFIX], elem_id="vqz-open", min_width=140, scale=1
            )
            self.file = gr.DownloadButton(visible="hidden", elem_id="vqz-file")
        self.note = gr.Markdown(elem_id="vqz-note")
        self.picture = gr.Image(
            visible=False, show_label=False, interactive=False, format="png", elem_id="vqz-picture", label="Picture"
        )
        gr.Markdown(ABOUT, elem_classes="hint")

    def watch(self) -> None:
        """Write on a click, read what is opened, and follow the comparison's models."""
        shown = self.context.shown
        follow_offer(self.context, self.model)
        shown.change(self._on_shown, [shown, self.model], self.model, **QUIET)
        written = self.save.click(self.write, [shown, self.model], [self.file, self.note], **TELLING)
        written.success(None, None, None, js=_DOWNLOAD, **QUIET)
        self.open.upload(self.read, self.open, [self.picture, self.note], **TELLING)

    def write(self, request: gr.Request, shown: Comparison, name: str | None) -> Iterator[tuple[str, str]]:
        """Yield the path of the photograph's file, and a line on it."""
        if name is None:
            raise gr.Error("Choose a model.", print_exception=False)
        with show_errors(), self.context.turn(request):
            file = self.files.write(name, self.engine.photo(shown.photo, shown.side))
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{Path(shown.photo).stem[:64] or 'picture'}.{name.replace('/', '-')}{SUFFIX}")
            path.write_bytes(file.data)
            yield str(path), written_line(file)  # copied to what is served before this goes on

    def read(self, request: gr.Request, path: str | None) -> tuple[Any, str]:
        """Return the picture of an uploaded file, and a line on it."""
        limits = self.context.limits
        with show_errors(), self.context.turn(request):
            if path is None:
                raise ValueError("Choose a file.")
            data = read_file(Path(path))
            pixels = self.files.read(data, PIXELS if limits is None else limits.side**2)
        return gr.Image(pixels, visible=True), opened_line(data)

    def _on_shown(self, shown: Comparison, name: str | None) -> Any:
        return gr.skip() if name in shown.models else next(iter(shown.models), None)
