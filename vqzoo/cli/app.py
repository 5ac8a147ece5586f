"""`vqzoo app`: the page, as app.py starts it."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import spaces  # noqa: E402, F401, I001  on a Space it has to come before torch
from vqzoo.cli.arguments import App  # noqa: E402


def run(settings: App) -> int:
    """Serve until interrupted, or until the window is closed."""
    # Gradio reads both when it is imported.
    for variable, value in (("GRADIO_SERVER_NAME", settings.host), ("GRADIO_SERVER_PORT", settings.port)):
        if value is not None:
            os.environ[variable] = str(value)
    from vqzoo.ui.start import start

    start(settings.desktop)
    return 0
