"""The start of the app: the start-up page within a second, then Gradio, then torch."""

import os

from vqzoo.files.storage import cards_folder
from vqzoo.ops.collector import uncollected
from vqzoo.ui.splash import splash
from vqzoo.ui.stubs import leave_stubs_out


def start(desktop: bool = False) -> None:
    """Serve until interrupted, or with `desktop` until a window of the app's own is closed.

    On a machine of one's own the finished example is served at the app's address while Gradio is being imported; a
    Space has a page of its own for that.
    """
    shown = None if os.environ.get("SPACE_ID") else splash(cards_folder())
    if shown is not None:
        print(f"* Starting; there is something to look at already: http://{shown.host}:{shown.port}", flush=True)
    if desktop:
        from vqzoo.ui.desktop import check

        check()
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # Nobody reads Gradio's summary of calls, which it would make from the last 10,000 of them after each.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")
    import spaces  # noqa: F401  on a Space it has to come before torch

    leave_stubs_out()
    with uncollected():
        from vqzoo.ui.app import launch  # and gradio, which takes seconds

    launch(shown, desktop)
