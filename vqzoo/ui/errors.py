"""What is wrong, said to a visitor."""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr


@contextmanager
def show_errors() -> Iterator[None]:
    """What a ValueError inside says is shown on the page; whatever else goes wrong is a fault of ours, and is not."""
    try:
        yield
    except gr.Error:  # a ValueError, too, whose text is its message in quotation marks
        raise
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
