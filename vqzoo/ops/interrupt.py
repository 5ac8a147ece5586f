"""End a training at Ctrl-C while Python still imports, when there is nothing to save."""

import os
import sys
from collections.abc import Callable

STOPPED = 75
"""Exit code of a run that was asked to end and has saved where it was: start it again with --resume."""


def leaving(sentence: str) -> Callable[..., None]:
    """Return a signal handler that prints a sentence and ends the process with `STOPPED`.

    A KeyboardInterrupt will not do: a library that is being imported may swallow it, and the run would go on. In
    processes that this one has forked, such as those that load images, nothing is printed.
    """
    process = os.getpid()

    def leave(*signal_and_frame: object) -> None:
        if os.getpid() == process:
            print(sentence, file=sys.stderr, flush=True)
        os._exit(STOPPED)

    return leave
