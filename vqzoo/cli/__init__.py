"""The command line, `vqzoo COMMAND`; each command has a file of its own, imported on use, as torch takes seconds.

Exit codes: 0 success, 1 a mistake of the user or a failed check (one line on standard error), 2 wrong usage, 75 a
training run that was interrupted and saved its state, 130 interrupted.
"""

import importlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Annotated, Any

from vqzoo.files.pipe import ignore_broken_pipe
from vqzoo.ops.collector import uncollected
from vqzoo.ops.interrupt import STOPPED, exit_handler
from vqzoo.ops.text import brief
from vqzoo.ops.version import __version__

_DESCRIPTION = """Image tokenizers behind one contract: list them, try them on your own photographs, publish them.

COMMAND --help lists a command's arguments; --version prints the version."""

_RESUME = "stopped: Ctrl-C; go on with the same command and --resume"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of this process, and return the exit code."""
    code, line = 0, list(sys.argv[1:] if arguments is None else arguments)
    try:
        with ignore_broken_pipe():
            code = _run(line)
        return code
    except KeyboardInterrupt:
        if line[:1] == ["train"]:  # outside of the steps, where there is nothing to save
            print(_RESUME, file=sys.stderr)
            return STOPPED
        print("interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print("error:", brief(error, 4000), file=sys.stderr)
        from vqzoo.cli.arguments import UsageError

        return 2 if isinstance(error, UsageError) else 1


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"vqzoo {__version__}")
        return 0
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # retries are reported in a sentence of ours
    if "--json" in arguments or not sys.stdout.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read when that library is imported
    try:
        with _exit_at_interrupt() if arguments[:1] == ["train"] else nullcontext(), uncollected():
            command, module = _parse(arguments)
        code: int = module.run(command)
        return code
    except SystemExit as stop:  # tyro's, after help or a usage error, and the app's, with a message
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
            return 1
        return stop.code or 0


def _parse(arguments: list[str]) -> tuple[Any, Any]:
    """Return the command of these arguments, and the module that runs it."""
    import tyro

    from vqzoo.cli.arguments import Command

    command = tyro.cli(
        Annotated[Command, tyro.conf.arg(name="", metavar="COMMAND")],
        prog="vqzoo",
        description=_DESCRIPTION,
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone),
    )
    from vqzoo.cli.early import check_early  # imported here with the Hub's client

    check_early(command)
    return command, importlib.import_module(f"vqzoo.cli.{command.module}")


@contextmanager
def _exit_at_interrupt() -> Iterator[None]:
    """Context manager that ends the process at Ctrl-C."""
    before = signal.signal(signal.SIGINT, exit_handler(_RESUME))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
