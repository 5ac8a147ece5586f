"""The app: its pages, its looks and how it is served."""

import os
import sys
from pathlib import Path

import gradio as gr

from vqzoo.hub.registry import Model, cards_folder, local_models, shipped_models
from vqzoo.ui import compare, position
from vqzoo.ui.context import Context
from vqzoo.ui.limits import limits_here
from vqzoo.ui.zerogpu import ZeroGpuEngine, on_zerogpu
from vqzoo.views.engine import Engine

_TITLE = "vqzoo"
_INTRO = """
# vqzoo
Image tokenizers, side by side: the same photograph through every quantizer, at true bit rates.
"""


PAGES = (position,)
"""Beside the page that compares, in their order; each has a NAME and a build(context)."""

HUB_VARIABLE = "VQZOO_ALLOW_HUB"
"""Environment variable: 1 offers the published models, too, and downloads those that are asked for."""


def offered() -> list[Model]:
    """The models of `cards_folder()`, and with VQZOO_ALLOW_HUB=1 those of the shipped snapshot of the Hub.

    A folder whose files are damaged is named on standard error and left out.
    """
    models, damaged = local_models()
    for sentence in damaged:
        print(f"left out: {sentence}", file=sys.stderr)
    if os.environ.get(HUB_VARIABLE) == "1":
        known = {model.name for model in models}
        models += [model for model in shipped_models() if model.name not in known]
    return sorted(models, key=lambda model: model.name)


def build_app() -> gr.Blocks:
    """The app over the models that are offered; raises ValueError where there are none."""
    models = offered()
    if not models:
        raise ValueError(
            f"{cards_folder()} holds no models; train one with `accelerate launch trainers/train.py RECIPE`, "
            "or start the app from a checkout of the repository"
        )
    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True) as app:
        gr.Markdown(_INTRO, elem_id="intro")
        engine = ZeroGpuEngine(models) if on_zerogpu() else Engine(models)
        limits, opened = limits_here(), compare.opening(engine)
        shown, active = gr.State(opened["shown"]), gr.State(compare.NAME)
        with gr.Tabs(elem_id="pages") as tabs:
            with gr.Tab(compare.NAME, id=compare.NAME) as tab:
                compare.build(Context(engine, limits, shown, tab, active), opened)
            for page in PAGES:
                with gr.Tab(page.NAME, id=page.NAME) as tab:
                    page.build(Context(engine, limits, shown, tab, active))
        tabs.select(_label, None, active, api_visibility="private", show_progress="hidden", queue=False)
    if isinstance(engine, ZeroGpuEngine):
        engine.pack()
    return app


def _label(selected: gr.SelectData) -> str:
    return selected.value


def launch() -> None:
    """Build and serve until interrupted. Gradio's environment variables (GRADIO_SERVER_PORT, ...) choose where."""
    try:
        app = build_app()
    except ValueError as error:
        sys.exit(f"error: {error}")
    # ZeroGPU lends as many GPUs as there are clicks that wait; elsewhere the engine does one thing at a time.
    app.queue(max_size=32, default_concurrency_limit=4 if on_zerogpu() else 1).launch(
        theme=gr.themes.Default(
            primary_hue="violet",
            neutral_hue="slate",
            radius_size="md",
            font=("ui-sans-serif", "system-ui", "sans-serif"),
            font_mono=("ui-monospace", "monospace"),
        ),
        css=(Path(__file__).parent / "page.css").read_text(encoding="utf-8"),
        max_file_size="20mb",
        run_history=False,  # photographs are the visitor's own: nothing is kept in the browser
        enable_monitoring=False,
        state_session_capacity=200,
        show_error=True,
        ssr_mode=False,  # a Space would have pages drawn by Node, which the viewer's script is not written for
    )
