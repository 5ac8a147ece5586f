"""Errors shown to visitors."""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr


@contextmanager
def show_errors() -> Iterator[None]:
    """Raise a ValueError from inside as gr.Error, so that the page shows its message; other exceptions pass."""
    try:
        yield
    except gr.Error:  # is a ValueError too, but its str() has quotation marks
        raise
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
