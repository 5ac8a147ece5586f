"""What visitors send: in time, no more than a photograph takes, and all together no more than the disk has for them."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DISK = 2**30
"""Bytes that all uploads, and what is made from them, may take on the disk; the oldest go first."""
STALL = 30.0
"""Seconds in which an upload has to bring `PROGRESS` bytes, or end."""
PROGRESS = 2**15
_FORM = 2**16
"""Bytes of a body beside its photograph."""


@dataclass
class Uploads:
    """ASGI middleware around the bodies of requests; `most`: bytes of one."""

    app: ASGIApp
    blocks: gr.Blocks
    most: int
    disk: int = DISK
    stall: float = STALL
    _expected: int = field(default=0, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        expected = int(length) if length.isdecimal() else self.most
        if expected > self.most + _FORM:
            await PlainTextResponse(f"At most {self.most / 2**20:.0f} MiB can be sent.", 413)(scope, receive, send)
            return
        stored = headers.get("content-type", "").startswith("multipart/")
        if stored and self._expected + expected > self.disk // 2:
            await PlainTextResponse("Too many uploads at once: try again in a minute.", 503)(scope, receive, send)
            return
        if not stored:
            await self.app(scope, self._bounded(receive), send)
            return
        self._expected += expected
        try:
            await run_sync(make_room, self.blocks, self.disk - self._expected)
            await self.app(scope, self._bounded(receive), send)
        finally:
            self._expected -= expected

    def _bounded(self, receive: Receive) -> Receive:
        """`receive`, which raises what makes Gradio delete what it has of an upload that ends before its end."""
        got, mark, end, more = 0, 0, time.monotonic() + self.stall, True

        async def bounded() -> Message:
            nonlocal got, mark, end, more
            if not more:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), end - time.monotonic())
            except (TimeoutError, asyncio.TimeoutError):
                raise MultiPartException(f"Ended: no progress in {self.stall:.0f} s.") from None
            if message["type"] == "http.disconnect":
                raise MultiPartException("Ended by the client.")
            got += len(message.get("body", b""))
            if got > self.most + _FORM:
                raise MultiPartException("Ended: more than the maximum allowed size.")
            if got - mark >= PROGRESS:
                mark, end = got, time.monotonic() + self.stall
            more = message.get("more_body", False)
            return message

        return bounded


def make_room(blocks: gr.Blocks, left: int) -> None:
    """Delete the oldest files of visitors until all together take at most `left` bytes; those of the page stay."""
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
