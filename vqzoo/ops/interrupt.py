"""End a training run at Ctrl-C during imports, when there is nothing to save yet."""

import os
import sys
from collections.abc import Callable

STOPPED = 75
"""Exit code of a run that was interrupted and has saved its state; --resume continues it."""


def exit_handler(sentence: str) -> Callable[..., None]:
    """Return a signal handler that prints a sentence to standard error and ends the process with `STOPPED`.

    KeyboardInterrupt does not serve: a library that is being imported may swallow it, and the run would go on. Forked
    processes, such as those that load images, print nothing.
    """
    process = os.getpid()

    def handler(*signal_and_frame: object) -> None:
        if os.getpid() == process:
            print(sentence, file=sys.stderr, flush=True)
        os._exit(STOPPED)

    return handler
