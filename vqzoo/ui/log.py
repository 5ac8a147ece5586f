"""The app's log: a file that never grows large, a line for what a client did wrong, all of a fault of ours."""

import logging
import sys
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vqzoo.hub.live import own_folder
from vqzoo.ops.text import plain

BYTES, FILES = 2**20, 3
LOG = logging.getLogger("vqzoo.app")


def log_path() -> Path:
    """Where the log is."""
    return own_folder() / "app.log"


def open_log(path: Path) -> None:
    """Write what this process logs, the server's warnings included, to a file of at most `BYTES` beside `FILES` - 1
    older ones; errors, faults of ours, go to standard error, too. A disk that is full costs nothing else."""
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.ERROR)
    handlers: list[logging.Handler] = [console]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(RotatingFileHandler(path, maxBytes=BYTES, backupCount=FILES - 1, encoding="utf-8"))
    except OSError:
        pass
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", handlers=handlers, force=True)
    LOG.setLevel(logging.INFO)
    logging.raiseExceptions = False
    server = logging.getLogger("uvicorn")
    server.handlers, server.propagate = [], True


def wrong(what: str, error: BaseException) -> None:
    """Note what a client did wrong, in a line."""
    LOG.info("%s: %s: %s", plain(what), type(error).__name__, plain(error, 160))


@dataclass(frozen=True)
class Lines:
    """ASGI middleware: what Gradio makes of a request that is none is a line in the log, and status 400."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:
            if scope["type"] != "http":
                raise
            wrong(f"{scope['method']} {scope['path']} from {(scope['client'] or ('nowhere',))[0]}", error)
            if begun:
                await send({"type": "http.response.body"})
            else:
                await PlainTextResponse("This is no request that the app knows: see /gradio_api/info.", 400)(
                    scope, receive, send
                )
