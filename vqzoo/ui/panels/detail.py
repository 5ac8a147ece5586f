"""One model of the registry: what is known of it, loading it, and removing it from the disk."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import AT_ONCE, LATEST, QUIET, Part
from vqzoo.views.facts import NOTHING_CHOSEN, card_html, facts_html
from vqzoo.views.zoo import Loading, Shown, Zoo, megabytes


class Detail(Part):
    """A model that is chosen, buttons to load and to remove it, its facts and its card."""

    def __init__(self, context: Context, zoo: Zoo):
        super().__init__(context)
        self.zoo, self.own = zoo, context.limits is None  # a machine of one's own, whose disk may be cleared
        self.chosen = gr.Dropdown(
            list(zoo.entries), value=None, label="Model", allow_custom_value=True, elem_id="zoo-model"
        )
        with gr.Row():
            self.load = gr.Button("Load", variant="primary", interactive=False, elem_id="zoo-load")
            self.remove = gr.Button("Remove from disk", visible=False, elem_id="zoo-remove")
        with gr.Row(visible=False, elem_id="zoo-confirm") as self.confirm:
            self.question = gr.HTML("")
            self.yes = gr.Button("Remove", variant="stop", elem_id="zoo-yes", min_width=90)
            self.no = gr.Button("Keep", elem_id="zoo-no", min_width=90)
        self.progress = gr.HTML("", elem_id="zoo-progress")
        self.facts = gr.HTML(NOTHING_CHOSEN, elem_id="zoo-facts")
        with gr.Accordion("Model card", open=True, visible=False, elem_id="zoo-card") as self.card_of:
            self.card = gr.HTML("")

    def follow(self, again: dict[str, Any]) -> None:
        """Show what is chosen; `again` is the event that lists all models anew."""
        outputs = [self.facts, self.card, self.card_of, self.load, self.remove, self.confirm]
        self.chosen.change(self._on_chosen, self.chosen, outputs, concurrency_limit=4, **LATEST)
        show: dict[str, Any] = {"fn": self._on_chosen, "inputs": self.chosen, "outputs": outputs, **QUIET}
        loaded = self.load.click(self._on_load, self.chosen, [self.progress, self.load], **QUIET)
        loaded.success(**again)
        loaded.then(**show)
        self.remove.click(self._on_remove, self.chosen, [self.question, self.confirm], **AT_ONCE)
        self.no.click(_gone, None, self.confirm, **AT_ONCE)
        removed = self.yes.click(self._on_yes, self.chosen, [self.progress, self.confirm, self.chosen], **QUIET)
        removed.success(**again).then(**show)

    def show(self, shown: Shown) -> dict[Any, Any]:
        """Return the values for a model."""
        offered = self.zoo.offered_as(shown.entry.model)
        return {
            self.facts: facts_html(shown, offered),
            self.card: card_html(shown),
            self.card_of: gr.update(visible=True),
            self.load: _off("Loaded") if offered else gr.update(value=_load_label(shown), interactive=True),
            self.remove: gr.update(visible=self.own and bool(shown.entry.cached)),
            self.confirm: _gone(),
        }

    def _on_chosen(self, name: str | None) -> Iterator[dict[Any, Any]]:
        if name:
            with show_errors():
                yield from map(self.show, self.zoo.show(name))
        else:
            hidden = dict.fromkeys((self.card_of, self.remove, self.confirm), _gone())
            yield {self.facts: NOTHING_CHOSEN, self.card: "", self.load: _off("Load"), **hidden}

    def _on_load(self, name: str | None) -> Iterator[dict[Any, Any]]:
        with show_errors():
            model = self.zoo.entry(name).model
            for step in self.zoo.load(model):
                label = "Loading …" if isinstance(step, Loading) else "Loaded"
                yield {self.progress: progress_html(step, model.name), self.load: _off(label)}

    def _on_remove(self, name: str | None) -> dict[Any, Any]:
        with show_errors():
            question = (
                f"Delete what was downloaded of {self.zoo.removable(self.zoo.entry(name))}? It can be downloaded again."
            )
        return {self.question: f"<p>{escape(question)}</p>", self.confirm: gr.update(visible=True)}

    def _on_yes(self, name: str | None) -> dict[Any, Any]:
        with show_errors():
            if not self.own:
                raise ValueError("Models are removed on a machine of one's own alone.")
            freed = _status(self.zoo.remove(str(name)))
        # One that nobody lists has no row now.
        return {self.progress: freed, self.confirm: _gone()} | ({} if name in self.zoo.entries else {self.chosen: None})


class ById(Part):
    """A field for a model that is not listed: a repository, or on a machine of one's own a folder."""

    def __init__(self, context: Context, zoo: Zoo):
        super().__init__(context)
        self.zoo, self.own = zoo, context.limits is None
        with gr.Row(visible=zoo.hub or self.own, elem_id="zoo-by-id"):
            self.source = gr.Textbox(
                label="Load another model",
                info="From the Hub: owner/name, or owner/name@revision."
                + (" From this machine: a folder that `vqzoo train` or `vqzoo convert` wrote." if self.own else ""),
                placeholder="owner/name@revision",
                elem_id="zoo-source",
                scale=4,
            )
            self.load = gr.Button("Load it", scale=0, min_width=110, elem_id="zoo-load-source")

    def follow(self, detail: Detail, again: dict[str, Any]) -> None:
        """Load it, choose it in `detail`, and list all models anew, which `again` does."""
        outputs = [detail.progress, detail.chosen]

        def on_load(text: str) -> Iterator[dict[Any, Any]]:
            with show_errors():
                for step in self.zoo.load_from(text, folders=self.own):
                    row = None if isinstance(step, Loading) else self._row_of(step)
                    yield {detail.progress: progress_html(step, text)} | ({detail.chosen: row} if row else {})

        gr.on([self.load.click, self.source.submit], on_load, self.source, outputs, **QUIET).success(**again)

    def _row_of(self, offered: str) -> str | None:
        """Return the row of the model that the pages offer under the name `offered`."""
        entries = self.zoo.entries.items()
        return next((name for name, each in entries if self.zoo.offered_as(each.model) == offered), None)


def progress_html(step: Loading | str, of: str) -> str:
    """Return the progress of loading as HTML; `step` is the name of the model once it is loaded."""
    if isinstance(step, str):
        return _status(f"Loaded: every page offers it as {step}.")
    if step.total is None:
        return _status(f"Asking for {of} …") + '<progress aria-label="download"></progress>'
    done = min(step.done, step.total)
    bar = f'<progress aria-label="download" max="{step.total}" value="{done}"></progress>'
    return _status(f"Loading {of}: {megabytes(done)} of {megabytes(step.total)}") + bar


def _load_label(shown: Shown) -> str:
    """Return the text of the button, with the size of a download."""
    size = shown.model.size
    if shown.entry.model.source is not None or shown.entry.cached:
        return "Load"
    return "Download and load" if size is None else f"Download and load, {megabytes(size)}"


def _status(text: str) -> str:
    return f'<p role="status">{escape(text)}</p>'


def _gone() -> Any:
    return gr.update(visible=False)


def _off(label: str) -> Any:
    return gr.update(value=label, interactive=False)
