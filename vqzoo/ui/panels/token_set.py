"""The panel that turns a few photographs into a token set."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from vqzoo.ui.components.dataframe import table_value
from vqzoo.ui.components.one_model import follow_offer, one_model
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import QUIET, TELLING, Part
from vqzoo.views.comparison import Comparison
from vqzoo.views.token_set import ABOUT, token_set

NAME = "Token set"

_WIDTHS = {"key": "150px", "height": "120px", "width": "110px", "view": "120px"}
_DOWNLOAD = "() => setTimeout(() => document.querySelector('#token-set-file').click(), 150)"


class TokenSets(Part):
    """A model, photographs, and the rows of their token set, which is saved as an archive."""

    def __init__(self, context: Context):
        super().__init__(context)
        with gr.Row(elem_id="token-set"):
            self.model = one_model(context, "token-set-model")
            self.choose = gr.UploadButton(
                "Choose photographs",
                file_count="multiple",
                file_types=["image"],
                elem_id="token-set-choose",
                min_width=140,
                scale=1,
            )
            self.save = gr.Button("Save the set", visible=False, elem_id="token-set-save", min_width=140, scale=1)
            self.file = gr.DownloadButton(visible="hidden", elem_id="token-set-file")
        self.note = gr.Markdown(elem_id="token-set-note")
        self.rows = gr.Dataframe(
            visible=False, interactive=False, show_search="none", wrap=True, elem_id="token-set-rows", label="Rows"
        )
        gr.Markdown(ABOUT, elem_classes="hint")

    def watch(self) -> None:
        """Tokenize what is chosen, and again with another model; a click saves the archive."""
        follow_offer(self.context, self.model)
        inputs = [self.context.shown, self.model, self.choose]
        gr.on(
            [self.choose.upload, self.model.change],
            self.show,
            inputs,
            [self.rows, self.note, self.save, self.file],
            **TELLING,
        )
        self.save.click(None, None, None, js=_DOWNLOAD, **QUIET)

    def show(
        self, request: gr.Request, shown: Comparison, name: str | None, paths: list[str] | None
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the rows, a line on them, and the archive; nothing before photographs are chosen."""
        if name is None or not paths:
            yield (gr.skip(),) * 4
            return
        with show_errors(), self.context.turn(request):
            made = token_set(self.engine, name, paths, shown.side)
        table = table_value(list(made.rows[0]), [list(row.values()) for row in made.rows])
        with TemporaryDirectory() as folder:
            path = Path(folder, f"tokens.{name.replace('/', '-')}.zip")
            path.write_bytes(made.archive)
            # The file is copied to what is served before this goes on.
            widths: list[str | int] = [_WIDTHS.get(name.partition(":")[0], "420px") for name in made.rows[0]]
            yield gr.Dataframe(table, visible=True, column_widths=widths), made.line, gr.Button(visible=True), str(path)
