"""The app: its pages, its looks and how it is served."""

import sys
from pathlib import Path

import gradio as gr

from vqzoo.hub.registry import cards_folder, list_models
from vqzoo.ui import compare
from vqzoo.ui.engine import Engine

_TITLE = "vqzoo"
_INTRO = """
# vqzoo
Image tokenizers, side by side: the same photograph through every quantizer, at true bit rates.
"""


def build_app() -> gr.Blocks:
    """The app over the models of the registry; raises ValueError where there are none."""
    models = list_models()
    if not models:
        raise ValueError(
            f"{cards_folder()} holds no models; train one with `accelerate launch trainers/train.py RECIPE`, "
            "or start the app from a checkout of the repository"
        )
    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True) as app:
        gr.Markdown(_INTRO, elem_id="intro")
        compare.build(Engine(models))
    return app


def launch() -> None:
    """Build and serve until interrupted. Gradio's environment variables (GRADIO_SERVER_PORT, ...) choose where."""
    try:
        app = build_app()
    except ValueError as error:
        sys.exit(f"error: {error}")
    app.queue(max_size=32).launch(
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
    )
