"""The app: its pages, its looks and how it is served."""

import os
import sys
from pathlib import Path
from threading import Timer
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from vqzoo.hub.registry import Model, cards_folder, local_models, shipped_models
from vqzoo.ops.collector import uncollected
from vqzoo.ui import choose, codebook, compare, frame, generate, position, rate, studies, training, zoo
from vqzoo.ui.blocks import Blocks
from vqzoo.ui.components.tips import tips
from vqzoo.ui.context import Context
from vqzoo.ui.desktop import show
from vqzoo.ui.guard import Guard
from vqzoo.ui.limits import HUB_VARIABLE, image_limits, limits_here, on_zerogpu, reach, trust_proxies
from vqzoo.ui.log import Lines, log_path, open_log
from vqzoo.ui.splash import Splash
from vqzoo.ui.theme import theme
from vqzoo.ui.uploads import Uploads
from vqzoo.views import comparison
from vqzoo.views.engine import Engine
from vqzoo.views.opening import first, opened, pending
from vqzoo.views.tips import tips as texts

PAGES = (codebook, rate, position, generate, training, studies, zoo)
"""After the pages that choose and compare, in their order; each has a NAME and a build(context)."""

_UNSEEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_WARM = 3.0  # seconds after the app answers


def offered() -> list[Model]:
    """Return the models of `cards_folder()`, and with VQZOO_ALLOW_HUB=1 those of the shipped snapshot of the Hub.

    Folders with damaged files are reported on standard error and left out.
    """
    models, damaged = local_models()
    for each in damaged:
        print(f"left out: {each.why}", file=sys.stderr)
    if os.environ.get(HUB_VARIABLE) == "1":
        known = {model.name for model in models}
        models += [model for model in shipped_models() if model.name not in known]
    return sorted(models, key=lambda model: model.name)


def build_app() -> tuple[Blocks, Engine]:
    """Build the app for the offered models; returns it and its engine, or raises ValueError without models."""
    models = offered()
    if not models:
        raise ValueError(
            f"{cards_folder()} holds no models; train one with `accelerate launch trainers/train.py RECIPE`, "
            "or start the app from a checkout of the repository"
        )
    engine, first_seen = _zerogpu(models) if on_zerogpu() else _here(models)
    with Blocks(title=frame.TITLE, analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True) as app:
        frame.header()
        limits = limits_here()
        shared = (gr.State(first_seen["shown"]), gr.State(choose.NAME), changes := gr.State(0), gr.State(None))
        with gr.Tabs(elem_id="pages"):
            for page in (choose, compare, *PAGES):
                with gr.Tab(page.NAME, id=page.NAME) as tab:
                    shown, *states = shared
                    context = Context(engine, limits, shown, tab, *states)
                    page.build(context) if page in PAGES else page.build(context, first_seen)
                    _follow(context)
        app.load(lambda: engine.changes, None, changes, **_UNSEEN)
        names = tips(texts(engine.models.values()))
        changes.change(lambda: texts(engine.models.values()), None, names, **_UNSEEN)
        frame.footer()
        app.show_progress_on(frame.working())
        app.name_tools()
    return app, engine


def _here(models: list[Model]) -> tuple[Engine, dict[str, Any]]:
    """Return an engine and the shipped comparison, or a placeholder until the first comparison is computed."""
    engine = Engine(models, image_limits=image_limits())
    return engine, opened(engine) or pending(engine)


def _zerogpu(models: list[Model]) -> tuple[Engine, dict[str, Any]]:
    """Return a ZeroGPU engine and a comparison computed before the app is served, at no visitor's expense."""
    from vqzoo.ui.zerogpu import ZeroGpuEngine  # and torch

    engine = ZeroGpuEngine(models)
    first_seen = opened(engine)
    if first_seen is None:
        shown = first(engine)
        *_, first_seen = comparison.compare(engine, shown.photo, shown.side, shown.models)
    engine.pack()
    return engine, first_seen


def _follow(context: Context) -> None:
    """Record the visible page and the state of the models whenever a page comes into sight."""
    name, engine = context.tab.label, context.engine
    context.selected.then(lambda: (name, engine.changes), None, [context.active, context.changes], **_UNSEEN)


def launch(splash: Splash | None = None, desktop: bool = False) -> None:
    """Build and serve until interrupted, or with `desktop` until its window is closed.

    Gradio's environment variables (GRADIO_SERVER_PORT, ...) choose where; in the place of `splash`, if there is one.
    """
    try:
        with uncollected():
            app, engine = build_app()
    except ValueError as error:
        sys.exit(f"error: {error}")
    # ZeroGPU lends as many GPUs as there are clicks that wait; elsewhere the engine does one thing at a time.
    app.queue(max_size=256, api_open=False, default_concurrency_limit=4 if on_zerogpu() else 1)
    app.limit(limits_here())
    if splash is not None:
        splash.close()
    who = reach()
    if not who.space:
        print(f"* {who}\n* Log: {log_path()}", flush=True)
    trust_proxies()
    _, url, _ = app.launch(
        share=who.link,
        app_kwargs={
            "middleware": [
                Middleware(Guard, reach=who),
                Middleware(Lines),
                Middleware(Uploads, blocks=app, most=engine.image_limits.bytes),
            ]
        },
        server_port=None if splash is None else splash.port,
        prevent_thread_lock=True,
        theme=theme(),
        head=frame.HEAD,
        css=(Path(__file__).parent / "page.css").read_text(encoding="utf-8"),
        max_file_size=engine.image_limits.bytes,
        run_history=False,  # photographs are the visitor's own: nothing is kept in the browser
        enable_monitoring=False,
        state_session_capacity=200,
        show_error=False,  # of what nobody foresaw; it could tell where files lie. What we raise as gr.Error is shown
        ssr_mode=False,  # a Space would have pages drawn by Node, which the viewer's script is not written for
        favicon_path=Path(__file__).parent / "icon.svg",
        pwa=True,
        footer_links=["api", "settings"],
    )
    open_log(log_path())
    # Not at once: whoever waits for the page would wait for torch, which is imported with the interpreter locked.
    warm = Timer(_WARM, engine.warm, [first(engine).models])
    warm.daemon = True
    warm.start()
    if desktop:
        show(url)
        app.close()
    else:
        app.block_thread()
