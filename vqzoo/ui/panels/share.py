"""Taking a comparison along: all of it as a ZIP, or a link that opens on it."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from gradio.components import Component

from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import QUIET, Part
from vqzoo.views.comparison import Comparison
from vqzoo.views.export import archive, file_name
from vqzoo.views.share import to_query

# A click of ours on the button that downloads, once its address is there.
_DOWNLOAD = "() => setTimeout(() => document.querySelector('#export-file').click(), 150)"
_ADDRESS = """
(query) => {
  const link = `${location.origin}${location.pathname}?${query}`;
  const select = () => document.querySelector('#link input, #link textarea').select();
  const copy = navigator.clipboard ? navigator.clipboard.writeText(link) : Promise.reject();
  copy.then(() => {}, () => setTimeout(select, 100));
  return link;
}
"""


class Share(Part):
    """Buttons that export the comparison and copy a link to it."""

    def __init__(self, context: Context, listed: gr.State, view: Sequence[Component]):
        """Lay the part out for `listed`, the state of the comparison, and `view`, the other arguments of `to_query`."""
        super().__init__(context)
        self.listed, self.view = listed, view
        with gr.Row(elem_id="share"):
            self.export_button = gr.Button("Export as ZIP", elem_id="export", size="md", min_width=150, scale=0)
            self.link_button = gr.Button("Copy link", elem_id="copy-link", size="md", min_width=120, scale=0)
            self.link = gr.Textbox(
                visible=False, label="Link", show_label=False, interactive=False, elem_id="link", scale=1
            )
            self.file = gr.DownloadButton(visible="hidden", elem_id="export-file")
        self.told = gr.HTML(elem_id="link-told")

    def watch(self) -> None:
        """Export and copy on clicks."""
        done = self.export_button.click(self.export, self.listed, self.file, api_name="export", show_progress="minimal")
        done.success(None, None, None, js=_DOWNLOAD, **QUIET)
        linked = self.link_button.click(
            self._on_link, [self.context.shown, *self.view], [self.link, self.told], **QUIET
        )
        linked.success(None, self.link, self.link, js=_ADDRESS, **QUIET)

    def export(self, of: Comparison) -> Iterator[str]:
        """Export the last comparison as a ZIP.

        It holds the pictures as PNG, the table as CSV, and settings.json with the models' revisions and the sha256 of
        their weights.

        Returns:
            path of the archive.
        """
        with show_errors():
            content = archive(self.engine, of)
        with TemporaryDirectory() as folder:
            path = Path(folder, file_name(of))
            path.write_bytes(content)
            yield str(path)  # copied to what is served before this goes on

    def _on_link(self, shown: Comparison, *view: Any) -> tuple[gr.Textbox, str]:
        with show_errors():
            query, text = to_query(shown, str(self.context.tab.label), *view)
        return gr.Textbox(query, visible=True), f'<div role="status">{escape(text)}</div>'
