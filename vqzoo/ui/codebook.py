"""The Codebook page: usage of a model's codebooks, a map of the codevectors, and one codevector in detail."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.chosen_photo import ChosenPhoto
from vqzoo.ui.panels.codevector import Codevector
from vqzoo.ui.panels.edits import Edits
from vqzoo.ui.part import QUIET, Part
from vqzoo.views.codebook import ABOUT, report, words
from vqzoo.views.codebook_figures import columns_figure, sharing_figure, use_figure
from vqzoo.views.comparison import Comparison, first_models
from vqzoo.views.edits import Edit, edited_pictures
from vqzoo.views.inspector import LONGEST, Inspector

NAME = "Codebook"


def build(context: Context) -> None:
    """Lay the page out; it computes when it is first looked at."""
    inspector = Inspector(context.engine)
    photograph = ChosenPhoto(context, "codebook-photo")
    page = Page(photograph.page, inspector)
    photograph.watch()
    page.watch()
    Endpoints(context, inspector, page.model).watch()


class Use(Part):
    """Codebook usage: a table at the top and figures at the foot of the page."""

    def __init__(self, context: Context, inspector: Inspector):
        super().__init__(context)
        self.inspector = inspector
        self.figures = gr.Markdown(elem_id="codebook-figures")

    def draw(self) -> None:
        """Lay out the figures in the current block."""
        gr.Markdown("### Use of the codebook")
        self.use = gr.Plot(show_label=False, elem_id="codebook-use")
        with gr.Row():
            self.per_column = gr.Plot(show_label=False, min_width=300, elem_id="codebook-columns")
            self.shared = gr.Plot(show_label=False, min_width=300, elem_id="codebook-sharing")

    def show(self, shown: Comparison, name: str) -> dict[Any, Any]:
        """Return the values for a model on the photograph."""
        encoded, measured = self.inspector.inspect(name, shown), report(self.inspector, name, shown)
        drawings = {self.per_column: columns_figure(measured), self.shared: sharing_figure(measured)}
        return {
            self.figures: words(encoded, measured),
            self.use: use_figure(name, encoded, self.inspector.test_counts(name)),
            **{plot: gr.update(value=drawn, visible=drawn is not None) for plot, drawn in drawings.items()},
        }


class Page(Part):
    """The choice of a model and a column of its indices, and the parts that show them.

    `seen` is a state: the key of the values on the page.
    """

    def __init__(self, context: Context, inspector: Inspector):
        super().__init__(context)
        self.inspector = inspector
        with gr.Row(elem_id="codebook-controls"):
            models = list(self.engine.models.values())
            names = [each.name for each in models]
            self.model = gr.Dropdown(names, value=first_models(models)[-1], label="Model", elem_id="codebook-model")
            self.column = gr.Dropdown([], label="Column of indices", elem_id="codebook-column", visible=False)
        self.problem = gr.Markdown("", visible=False, elem_id="codebook-problem")
        # Hidden and not absent: a component that is put on the page together with its value may miss that value.
        with gr.Column(visible="hidden", elem_id="codebook-body") as self.body:
            self.use = Use(context, inspector)
            self.codevector = Codevector(context, inspector)
            self.edits = Edits(context, inspector)
            self.use.draw()
            gr.Markdown(ABOUT, elem_classes="hint")
        self.seen = gr.State(())

    def watch(self) -> None:
        """Compute when the page is looked at, and for another model."""
        use, edits = self.use, self.edits
        inputs = [self.context.shown, self.model, self.seen]
        outputs = [self.problem, self.body, self.column, self.seen, *self.codevector.components]
        outputs += [edits.pictures, edits.edits, use.figures, use.use, use.per_column, use.shared]
        self.context.when_seen(self.show, inputs, outputs)
        offered = self.context.when_offered(self._offer, [self.model], self.model)
        offered.then(self._on_offer, [self.context.active, *inputs], outputs, **QUIET)
        self.model.input(self._on_model, inputs, outputs, trigger_mode="always_last", api_visibility="private")
        self.codevector.follow(self.model, self.column, edits)
        edits.follow(self.model, self.column)

    def show(self, shown: Comparison, name: str, before: tuple[Any, ...]) -> Iterator[dict[Any, Any]]:
        """Yield the values of all parts, those of figures last; nothing where these are drawn already."""
        now = (self.inspector.key(name), shown.photo, min(shown.side, LONGEST))
        if now == before:
            yield {self.seen: gr.skip()}
            return
        try:
            labels = [layer.label for layer in self.inspector.inspect(name, shown).layers]
        except ValueError as error:
            yield {
                self.problem: gr.update(value=str(error), visible=True),
                self.body: gr.update(visible="hidden"),
                self.column: gr.update(visible=False),
                self.seen: (),
            }
            return
        yield {
            self.problem: gr.update(visible=False),
            self.body: gr.update(visible=True),
            self.column: gr.update(choices=labels, value=labels[0], visible=len(labels) > 1),
            **self.codevector.show(shown, name, labels[0], None),
            **self.edits.show_none(),
            self.seen: now,
        }
        yield self.use.show(shown, name)

    def _on_model(self, shown: Comparison, name: str, before: tuple[Any, ...]) -> Iterator[dict[Any, Any]]:
        with show_errors():
            yield from self.show(shown, name, before)

    def _offer(self, name: str) -> Any:
        known = self.engine.models
        left = name if name in known else first_models(list(known.values()))[-1]
        return gr.update(choices=list(known), value=left)

    def _on_offer(self, active: str, *values: Any) -> Iterator[dict[Any, Any]]:
        """Update the visible page, as a removed model is replaced by another."""
        if active == NAME:
            yield from self._on_model(*values)
        else:
            yield {self.seen: gr.skip()}


class Endpoints(Part):
    """The page's API endpoints, on the photograph of the session's last comparison."""

    def __init__(self, context: Context, inspector: Inspector, model: gr.Dropdown):
        super().__init__(context)
        self.inspector, self.model = inspector, model
        with gr.Row(visible=False):
            self.button, self.answer, self.column = gr.Button(), gr.JSON(), gr.Textbox("", label="column")
            self.changes, self.pictures = gr.JSON([], label="changes"), gr.Gallery(format="png")

    def watch(self) -> None:
        """Register the endpoints."""
        of = [self.context.shown, self.model]
        self.button.click(self.codebook, of, self.answer, api_name="codebook")
        self.button.click(self.tokens, [*of, self.column], self.answer, api_name="tokens")
        self.button.click(self.change_tokens, [*of, self.changes], self.pictures, api_name="change_tokens")

    def codebook(self, shown: Comparison, name: str) -> dict[str, Any]:
        """Return codebook statistics of a model on the photograph compared last and on its test split.

        Usage, dead codevectors and perplexity, in all and per column of the indices, and the sharing curves.
        """
        with show_errors():
            return report(self.inspector, name, shown)

    def tokens(self, shown: Comparison, name: str, column: str) -> dict[str, Any]:
        """Return the indices of one column and their distances as rows; /codebook lists the columns as layers."""
        with show_errors():
            encoded = self.inspector.inspect(name, shown)
            layer = self.inspector.layer(encoded, column)
            return {
                "column": layer.label,
                "indices": encoded.indices(layer).tolist(),
                "distances": encoded.distance(layer).tolist(),
            }

    def change_tokens(self, shown: Comparison, name: str, changes: list[list[Any]]) -> list[tuple[Any, str]]:
        """Decode with changed tokens on the photograph compared last.

        Args:
            shown: the session's last comparison.
            name: name of a model.
            changes: a list of [column, row, column of the grid, new index], counted from 0; /codebook lists the
                columns as layers.

        Returns:
            the pictures before and after as PNG files, with captions.
        """
        with show_errors():
            if not isinstance(changes, list) or any(not isinstance(each, list) or len(each) != 4 for each in changes):
                raise ValueError("changes: expected a list of lists [column, row, column of the grid, new index]")
            if any(not isinstance(each[0], str) or any(type(n) is not int for n in each[1:]) for each in changes):
                raise ValueError("changes: expected each to be a text and three whole numbers")
            before, after, _ = edited_pictures(self.inspector, name, shown, [Edit(*each) for each in changes])
        return [(before.pixels, before.name), (after.pixels, after.name)]
