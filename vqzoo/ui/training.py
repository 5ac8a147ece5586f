"""The page of trainings: curves of checkpoints laid over each other, and a run on this machine while it goes on."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from vqzoo.hub.registry import Model
from vqzoo.ops.check import check_choice
from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
from vqzoo.views.comparison import first_models
from vqzoo.views.engine import Engine
from vqzoo.views.live import Live, follow, newest_run, signature, status
from vqzoo.views.training import AGAINST, course_of, curves_of, has_curves, key_table, panels

NAME = "Training"

_SLOTS = 20
"""Panels at most: the loss, a dozen terms, and what is measured beside them."""
_MOST = 8
"""Trainings at once: as many as there are colours."""
_SECONDS = 2.0
"""Between two looks at a run; nothing is read unless it has written something."""
_RUNS = Path("runs")

_HINT = (
    "Thin lines: training, means over the steps since the point before. Thick ones with dots: held-out images. Losses "
    "are unweighted. Usage, perplexity and selection of codebooks are those of the batches between two points."
)
_NONE = "Choose one or more trainings above, and their curves are laid over each other here."


def build(context: Context) -> None:
    """Lay the page out; it draws when it is first looked at."""
    engine, local = context.engine, context.limits is None
    with gr.Row(elem_id="training-controls"):
        first = [name for name in first_models(list(engine.models.values())) if has_curves(engine.models[name])]
        chosen = gr.Dropdown(
            _names(engine),
            value=first[:_MOST],
            multiselect=True,
            max_choices=_MOST,
            label="Trainings",
            info="Models that were computed and not trained, such as a PCA, have no curves.",
            elem_id="training-models",
            scale=3,
            min_width=280,
        )
        against = gr.Radio(list(AGAINST), value=AGAINST[0], label="Against", elem_id="training-against", min_width=200)
        log = gr.Checkbox(False, label="Log scale", elem_id="training-log", min_width=120)
        compared = gr.Button("As compared", elem_id="training-compared", size="md", min_width=150, scale=0)
    with gr.Row(visible=local, elem_id="training-run"):
        folder = gr.Textbox(
            label="A run on this machine",
            info="Its folder, by default the newest in runs/; it may be going on. Its curves are laid over the others.",
            placeholder="runs/cifar10-looc-256x4",
            elem_id="training-folder",
            max_lines=1,
            min_width=280,
        )
        start = gr.Button("Follow", variant="primary", elem_id="training-follow", size="md", min_width=110, scale=0)
        stop = gr.Button("Stop", elem_id="training-stop", size="md", min_width=110, scale=0)
    state = gr.HTML("", elem_id="training-live", visible=False)
    samples = gr.Image(
        label="Held-out images above, their reconstructions below",
        format="png",
        interactive=False,
        visible=False,
        buttons=["download"],
        elem_id="training-samples",
    )
    table = gr.HTML(f"<p>{_NONE}</p>", elem_id="training-table")
    gr.Markdown(_HINT, elem_classes="hint")
    with gr.Row(elem_id="training-panels"):
        slots = [gr.Plot(visible=False, label="curve", buttons=[], min_width=280) for _ in range(_SLOTS)]
    timer = gr.Timer(_SECONDS, active=False)
    followed, drawn = gr.State(""), gr.State(())
    outputs = [drawn, table, state, samples, *slots]

    def show(names: list[str], against: str, log: bool, folder: str, drawn: tuple) -> Iterator[Any]:
        names = [name for name in names if name in engine.models]
        key = (tuple(names), against, log, signature(folder) if folder else (), engine.changes)
        if key == drawn:
            yield gr.skip()
            return
        live, waiting = _look(folder)
        courses = [course_of(engine.models[name]) for name in names] + ([live.course] if live else [])
        drawings = panels(courses, "steps" if against == "steps" else "images seen", log)[:_SLOTS]
        plots = [gr.Plot(panel.figure, label=panel.title, visible=True) for panel in drawings]
        yield [
            key,
            key_table(courses) if courses else f"<p>{_NONE}</p>",
            *_live(live, waiting),
            *plots,
            *[gr.Plot(visible=False) for _ in range(_SLOTS - len(plots))],
        ]

    inputs = [chosen, against, log, followed, drawn]

    def on_choice(*values: Any) -> Iterator[Any]:
        with told():
            yield from show(*values)

    event: dict[str, Any] = {"trigger_mode": "always_last", "api_visibility": "private", "show_progress": "hidden"}
    context.when_offered(lambda names: _offer(engine, names), [chosen], chosen)
    context.when_seen(lambda shown, *values: show(*values), [context.shown, *inputs], outputs)
    for control in (chosen, against, log):
        control.change(on_choice, inputs, outputs, **event)

    def compared_names(shown: tuple) -> list[str]:
        return [name for name in shown[2] if name in engine.models and has_curves(engine.models[name])][:_MOST]

    compared.click(compared_names, context.shown, chosen, api_visibility="private", show_progress="hidden")

    def training(models: list[str]) -> dict[str, Any]:
        """The training curves of models, by name: {"batch_size": images a step, "train": {...}, "held_out": {...}}.

        Both splits are columns of one length: "step", and what was measured at it (null where it did not exist yet).
        """
        with told():
            return curves_of([engine.models[check_choice("model", name, engine.models)] for name in models])

    gr.api(training, api_name="training")
    if not local:
        return

    def on_start(folder: str) -> tuple[str, str, gr.Timer]:
        newest = None if folder.strip() else newest_run(_RUNS)
        folder = str(newest) if newest else folder
        if not folder.strip():
            raise gr.Error("Name the folder of a run: there is none in runs/ here.", print_exception=False)
        return folder, folder, gr.Timer(active=True)

    def on_tick(active: str, *values: Any) -> Iterator[Any]:
        if active == NAME:
            yield from on_choice(*values)
        else:
            yield gr.skip()

    def progress(folder: str) -> dict[str, Any]:
        """How far a run on this machine is: its step and steps, images a second, warnings, and its curves."""
        with told():
            live = follow(folder)
        course = live.course
        curves = {"batch_size": course.batch_size, "train": course.train, "held_out": course.held_out}
        told_of = [{"step": step, "kind": kind, "text": text} for step, kind, text in course.warnings]
        numbers = {"step": live.step, "steps": live.steps, "images_per_second": live.rate}
        return {"name": course.name, **numbers, "warnings": told_of, **curves}

    starting: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    for trigger in (start.click, folder.submit):
        trigger(on_start, folder, [folder, followed, timer], **starting).success(on_choice, inputs, outputs, **event)
    stop.click(lambda: ("", gr.Timer(active=False)), None, [followed, timer], **starting).success(
        on_choice, inputs, outputs, **event
    )
    timer.tick(on_tick, [context.active, *inputs], outputs, **event)
    gr.api(progress, api_name="training_run")


def _names(engine: Engine) -> list[str]:
    models: list[Model] = list(engine.models.values())
    return [model.name for model in models if has_curves(model)]


def _offer(engine: Engine, chosen: list[str]) -> Any:
    names = _names(engine)
    return gr.update(choices=names, value=[name for name in chosen if name in names])


def _look(folder: str) -> tuple[Live | None, str]:
    """The run that is followed, or why there is nothing to see of it yet: it may come while the page waits."""
    try:
        return (follow(folder) if folder else None), ""
    except ValueError as error:
        return None, str(error)


def _live(live: Live | None, waiting: str) -> tuple[gr.HTML, gr.Image]:
    """The line on the run that is followed, and its newest pictures."""
    if live is None:
        line = f"<p>{escape(waiting)} This page looks again every {_SECONDS:.0f} seconds.</p>" if waiting else ""
        return gr.HTML(line, visible=bool(line)), gr.Image(None, visible=False)
    line = status(live)
    if live.samples is None:
        return gr.HTML(line, visible=True), gr.Image(None, visible=False)
    step, pixels = live.samples
    label = f"Step {step:,}: held-out images above, their reconstructions below"
    return gr.HTML(line, visible=True), gr.Image(pixels, label=label, visible=True)
