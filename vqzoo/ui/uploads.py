"""Limits on uploads: their size, their speed, and the disk space that all of them take."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DISK = 2**30
"""Bytes that all uploads, and what is made from them, may take on the disk; the oldest go first."""
STALL = 30.0
"""Seconds in which an upload has to bring `PROGRESS` bytes, or end."""
VALUES = 2**22
"""Bytes of a request that is no upload: the values of a job, which are in memory as long as it waits."""
PROGRESS = 2**15
_CLOSE = {"Connection": "close"}
_FORM = 2**16
"""Bytes of an upload beside its photograph."""


@dataclass
class Uploads:
    """ASGI middleware that limits the bodies of requests; `most` is the largest upload in bytes."""

    app: ASGIApp
    blocks: gr.Blocks
    most: int
    disk: int = DISK
    stall: float = STALL
    _coming: int = field(default=0, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with status 413 or 503."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        form = headers.get("content-type", "").startswith("multipart/")
        most = self.most if form else VALUES
        length = headers.get("content-length", "")
        size = int(length) if length.isdecimal() else most
        stored = size if form else 0
        body = Body(receive, send, most + _FORM, self.stall)
        if size > body.most:
            answer = PlainTextResponse(f"At most {most / 2**20:.0f} MiB can be sent.", 413, _CLOSE)
            await answer(scope, receive, send)
        elif stored and self._coming + stored > self.disk // 2:
            answer = PlainTextResponse("Too many uploads at once: try again in a minute.", 503, _CLOSE)
            await answer(scope, receive, send)
        else:
            self._coming += stored
            try:
                if stored:
                    await run_sync(make_room, self.blocks, self.disk - self._coming)
                await self.app(scope, body.receive, body.send)
            finally:
                self._coming -= stored


class Body:
    """The body of one request; raises MultiPartException for a broken upload, so that Gradio deletes all of it."""

    def __init__(self, receive: Receive, send: Send, most: int, stall: float):
        self._receive, self._send, self.most, self.stall = receive, send, most, stall
        self._got, self._mark, self._end = 0, 0, time.monotonic() + stall
        self._whole = False

    async def receive(self) -> Message:
        """Return the next part of the body; raises MultiPartException if it is too slow or too large."""
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._end - time.monotonic())
        except (TimeoutError, asyncio.TimeoutError):
            raise MultiPartException(f"Ended: no progress in {self.stall:.0f} s.") from None
        if message["type"] == "http.disconnect":
            raise MultiPartException("Ended by the client.")
        self._got += len(message.get("body", b""))
        if self._got > self.most:
            raise MultiPartException("Ended: more than the maximum allowed size.")
        if self._got - self._mark >= PROGRESS:
            self._mark, self._end = self._got, time.monotonic() + self.stall
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer, and close the connection if the body was not read to its end."""
        if message["type"] == "http.response.start" and not self._whole:
            MutableHeaders(scope=message).update(_CLOSE)
        await self._send(message)


def make_room(blocks: gr.Blocks, left: int) -> None:
    """Delete visitors' oldest files until all take at most `left` bytes; files of the page itself stay."""
    keep = set[str]().union(*(getattr(block, "keep_in_cache", ()) for block in blocks.blocks.values()))
    files = []
    for name in set[str]().union(*map(tuple, blocks.temp_file_sets)) - keep:
        path = Path(name)
        if path.is_file():
            about = path.lstat()
            files.append((about.st_ctime, about.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= left:
            break
        path.unlink(missing_ok=True)
        total -= size
