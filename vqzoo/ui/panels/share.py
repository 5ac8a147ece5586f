"""Taking a comparison along: all of it as a ZIP, or a link that opens on it."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
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


def build(context: Context, listed: gr.State, codecs: gr.Checkbox, sort: gr.Dropdown, worst: gr.Checkbox) -> None:
    """Lay it out; `listed`: a state (path, longest, names), what the rows of the comparison are."""
    engine = context.engine
    with gr.Row(elem_id="share"):
        export_button = gr.Button("Export as ZIP", elem_id="export", size="md", min_width=150, scale=0)
        link_button = gr.Button("Copy link", elem_id="copy-link", size="md", min_width=120, scale=0)
        link = gr.Textbox(visible=False, label="Link", show_label=False, interactive=False, elem_id="link", scale=1)
        file = gr.DownloadButton(visible="hidden", elem_id="export-file")
    said = gr.HTML(elem_id="link-said")

    def export(of: tuple) -> Iterator[str]:
        """All of the comparison made last as a ZIP: pictures as PNG, the table as CSV, settings.json with the models'
        revisions and the sha256 of their weights.

        Returns:
            path of the archive.
        """
        with told():
            content = archive(engine, of)
        with TemporaryDirectory() as folder:
            path = Path(folder, file_name(of))
            path.write_bytes(content)
            yield str(path)  # copied to what is served before this goes on

    def on_link(shown: tuple, *view: Any) -> tuple[gr.Textbox, str]:
        with told():
            query, text = to_query(shown, str(context.tab.label), *view)
        return gr.Textbox(query, visible=True), f'<div role="status">{escape(text)}</div>'

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    done = export_button.click(export, listed, file, api_name="export", show_progress="minimal")
    done.success(None, None, None, js=_DOWNLOAD, **private)
    linked = link_button.click(on_link, [context.shown, codecs, sort, worst], [link, said], **private)
    linked.success(None, link, link, js=_ADDRESS, **private)
