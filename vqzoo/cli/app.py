"""Start the app from `vqzoo app`, as app.py does."""

import os

from vqzoo.cli.arguments import App
from vqzoo.ui.start import start


def run(settings: App) -> int:
    """Serve the app until it is interrupted or its window is closed; return 0."""
    # Gradio reads both when it is imported.
    for variable, value in (("GRADIO_SERVER_NAME", settings.host), ("GRADIO_SERVER_PORT", settings.port)):
        if value is not None:
            os.environ[variable] = str(value)
    start(settings.desktop)
    return 0
