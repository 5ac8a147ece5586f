"""The page of trainings: curves of checkpoints laid over each other, and a run on this machine while it goes on."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from vqzoo.ops.check import check_choice
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.curves import Panels
from vqzoo.ui.part import LATEST, QUIET, Part
from vqzoo.views.comparison import Comparison, first_models
from vqzoo.views.live import Live, follow, newest_run, signature, status
from vqzoo.views.training import (
    AGAINST,
    SCALES,
    Against,
    Scale,
    curves_of,
    has_curves,
    key_table,
    panels,
    training_curves,
)

NAME = "Training"

_SLOTS = 20
"""Panels at most: the loss, a dozen terms, and what is measured beside them."""
_MOST = 8
"""Trainings at once: as many as there are colours."""
_SECONDS = 2.0
"""Interval between two checks of a run, which is read only if it has written something."""
_RUNS = Path("runs")

_HINT = (
    "Thin lines: training, means over the steps since the point before. Thick ones with dots: held-out images. Losses "
    "are unweighted. Usage, perplexity and selection of codebooks are those of the batches between two points."
)
_NONE = "Choose one or more trainings above, and their curves are laid over each other here."


def build(context: Context) -> None:
    """Lay the page out; it draws when it is first looked at."""
    choice = Choice(context)
    run = Run(context)
    curves = Curves(context, choice, run)
    choice.watch()
    curves.watch()
    if context.limits is None:
        run.follow(choice, curves.on_choice, curves.inputs, curves.outputs)


class Choice(Part):
    """Whose curves, and how they are drawn."""

    def __init__(self, context: Context):
        super().__init__(context)
        with gr.Row(elem_id="training-controls"):
            first = [name for name in first_models(list(self.engine.models.values())) if name in self._names()]
            self.models = gr.Dropdown(
                self._names(),
                value=first[:_MOST],
                multiselect=True,
                max_choices=_MOST,
                label="Trainings",
                info="Models that were computed and not trained, such as a PCA, have no curves.",
                elem_id="training-models",
                scale=3,
                min_width=280,
            )
            self.against = gr.Radio(
                list(AGAINST), value=AGAINST[0], label="Against", elem_id="training-against", min_width=200
            )
            self.scale = gr.Radio(list(SCALES), value=SCALES[0], label="Scale", elem_id="training-scale", min_width=160)
            self.compared = gr.Button("As compared", elem_id="training-compared", size="md", min_width=150, scale=0)

    @property
    def inputs(self) -> list[Any]:
        """The components that determine the curves."""
        return [self.models, self.against, self.scale]

    def watch(self) -> None:
        """Follow the models that are offered, and a click that takes those of the comparison."""
        self.context.when_offered(self._offer, [self.models], self.models)
        self.compared.click(self._on_compared, self.context.shown, self.models, **QUIET)
        gr.api(self.training, api_name="training")

    def training(self, models: list[str]) -> dict[str, Any]:
        """Return training curves by model: {"batch_size": images per step, "train": {...}, "held_out": {...}}.

        Each split holds columns of one length: "step" and the quantities measured at it, null where missing.
        """
        known = self.engine.models
        with show_errors():
            return curves_of([known[check_choice("model", name, known)] for name in models])

    def _names(self) -> list[str]:
        return [model.name for model in self.engine.models.values() if has_curves(model)]

    def _offer(self, chosen: list[str]) -> Any:
        names = self._names()
        return gr.update(choices=names, value=[name for name in chosen if name in names])

    def _on_compared(self, shown: Comparison) -> list[str]:
        return [name for name in shown.models if name in self._names()][:_MOST]


class Run(Part):
    """A run on this machine, followed while it trains; `followed` is a state: its folder, or "" for none."""

    def __init__(self, context: Context):
        super().__init__(context)
        with gr.Row(visible=context.limits is None, elem_id="training-run"):
            self.folder = gr.Textbox(
                label="A run on this machine",
                info="Its folder, by default the newest in runs/; it may be going on. Its curves are laid over the "
                "others, against the share of the run that each has behind it.",
                placeholder="runs/cifar10-looc-256x4",
                elem_id="training-folder",
                max_lines=1,
                min_width=280,
            )
            self.start = gr.Button(
                "Follow", variant="primary", elem_id="training-follow", size="md", min_width=110, scale=0
            )
            self.stop = gr.Button("Stop", elem_id="training-stop", size="md", min_width=110, scale=0)
        self.state = gr.HTML("", elem_id="training-live", visible=False)
        self.samples = gr.Image(
            label="Held-out images above, their reconstructions below",
            format="png",
            interactive=False,
            visible=False,
            buttons=["download"],
            elem_id="training-samples",
        )
        self.timer = gr.Timer(_SECONDS, active=False)
        self.followed = gr.State("")

    def follow(
        self, choice: Choice, redraw: Callable[..., Any], inputs: Sequence[Component], outputs: Sequence[Component]
    ) -> None:
        """Look at the run again and again: `redraw`, given `inputs`, gives `outputs`."""

        def on_tick(active: str, *values: Any) -> Iterator[Any]:
            if active == NAME:
                yield from redraw(*values)
            else:
                yield gr.skip()

        for trigger in (self.start.click, self.folder.submit):
            started = trigger(
                _start,
                [self.folder, choice.models, choice.against],
                [self.folder, self.followed, self.timer, choice.against],
                **QUIET,
            )
            started.success(redraw, inputs, outputs, **LATEST)
        stopped = self.stop.click(lambda: ("", gr.Timer(active=False)), None, [self.followed, self.timer], **QUIET)
        stopped.success(redraw, inputs, outputs, **LATEST)
        self.timer.tick(on_tick, [self.context.active, *inputs], outputs, **LATEST)
        gr.api(training_run, api_name="training_run")

    def show(self, live: Live | None, waiting: str) -> dict[Any, Any]:
        """Return the values for a run, or for none; `waiting` says why there is nothing to see of it yet."""
        line = status(live) if live else ""
        if waiting:
            line = f"<p>{escape(waiting)} This page looks again every {_SECONDS:.0f} seconds.</p>"
        samples = gr.Image(None, visible=False)
        if live and live.samples:
            step, pixels = live.samples
            label = f"Step {step:,}: held-out images above, their reconstructions below"
            samples = gr.Image(pixels, label=label, visible=True)
        return {self.state: gr.HTML(line, visible=bool(line)), self.samples: samples}


class Curves(Part):
    """The curves of what is chosen and of the run that is followed; `drawn` is a state, of what they are."""

    def __init__(self, context: Context, choice: Choice, run: Run):
        super().__init__(context)
        self.run = run
        self.table = gr.HTML(f"<p>{_NONE}</p>", elem_id="training-table")
        gr.Markdown(_HINT, elem_classes="hint")
        with gr.Row(elem_id="training-panels"):
            self.panels = Panels(_SLOTS)
        self.drawn = gr.State(())
        self.changing = choice.inputs
        self.inputs = [*choice.inputs, run.followed, self.drawn]
        self.outputs = [self.drawn, self.table, run.state, run.samples, *self.panels.slots]

    def watch(self) -> None:
        """Draw when the page is looked at, and on every choice."""
        self.context.when_seen(
            lambda shown, *values: self.show(*values), [self.context.shown, *self.inputs], self.outputs
        )
        for control in self.changing:
            control.change(self.on_choice, self.inputs, self.outputs, **LATEST)

    def show(
        self, names: list[str], against: Against, scale: Scale, folder: str, drawn: tuple[Any, ...]
    ) -> Iterator[Any]:
        """Yield new values of the outputs, or nothing if the page already shows these curves."""
        names = [name for name in names if name in self.engine.models]
        key = (tuple(names), against, scale, signature(folder) if folder else (), self.engine.changes)
        if key == drawn:
            yield gr.skip()
            return
        live, waiting = _read(folder)
        trainings = [training_curves(self.engine.models[name]) for name in names] + ([live.training] if live else [])
        yield {
            self.drawn: key,
            self.table: key_table(trainings) if trainings else f"<p>{_NONE}</p>",
            **self.run.show(live, waiting),
            **self.panels.show(panels(trainings, against, scale)),
        }

    def on_choice(self, *values: Any) -> Iterator[Any]:
        """Draw what is chosen; what is wrong with it is shown."""
        with show_errors():
            yield from self.show(*values)


def training_run(folder: str) -> dict[str, Any]:
    """Return the progress of a run on this machine: step, steps, images per second, warnings, and curves."""
    with show_errors():
        live = follow(folder)
    training = live.training
    curves = {"batch_size": training.batch_size, "train": training.train, "held_out": training.held_out}
    warnings = [{"step": step, "kind": kind, "text": text} for step, kind, text in training.warnings]
    numbers = {"step": live.step, "steps": live.steps, "images_per_second": live.rate}
    return {"name": training.name, **numbers, "warnings": warnings, **curves}


def _start(folder: str, beside: list[str], against: Against) -> tuple[str, str, gr.Timer, Against]:
    """Return the folder to follow, and an axis on which a run that has begun is seen beside ones that are over."""
    newest = None if folder.strip() else newest_run(_RUNS)
    folder = str(newest) if newest else folder
    if not folder.strip():
        raise gr.Error("Name the folder of a run: there is none in runs/ here.", print_exception=False)
    return folder, folder, gr.Timer(active=True), "share of the run" if beside else against


def _read(folder: str) -> tuple[Live | None, str]:
    """Return the followed run and "", or None and the reason why it cannot be shown yet."""
    try:
        return (follow(folder) if folder else None), ""
    except ValueError as error:
        return None, str(error)
