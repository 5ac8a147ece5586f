"""The app's log: a rotating file with a line for each client error and a traceback for each fault."""

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
    """Return the path of the log."""
    return own_folder() / "app.log"


def open_log(path: Path) -> None:
    """Log to a file of at most `BYTES` with `FILES` - 1 older ones, and errors to standard error too.

    The server's warnings are included. A full disk stops the log and nothing else.
    """
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
    """Log a client's error in one line."""
    LOG.info("%s: %s: %s", plain(what), type(error).__name__, plain(error, 160))


@dataclass(frozen=True)
class Lines:
    """ASGI middleware that answers malformed requests, on which Gradio raises, with status 400 and a log line."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or log why it is malformed."""
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
