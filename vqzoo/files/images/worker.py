"""Decode pictures in worker processes, which end themselves when a picture takes too long.

A worker is started when it is first needed, which takes a fraction of a second, and kept for the next picture. There
are as many as threads have ever decoded at the same time.
"""

import atexit
import faulthandler
import json
import os
import struct
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import asdict
from typing import IO, Any

import numpy as np

from vqzoo.files.images.decode import LoadedImage, Request, decode
from vqzoo.files.images.limits import ImageError, ImageLimits

_SERVE = "from vqzoo.files.images.worker import serve; serve()"
_LENGTHS = struct.Struct(">IQ")
_AVIF_THREADS = 4

_idle: defaultdict[int, list["_Worker"]] = defaultdict(list)
"""Idle workers by the process that started them: a forked child must not talk to its parent's."""


def decode_in_worker(kind: str, data: bytes, request: Request) -> LoadedImage:
    """Return what `decode` returns; raise ImageError as well if time or memory exceeds the limits."""
    idle = _idle[os.getpid()]
    worker = idle.pop() if idle else _Worker()
    if worker.process.poll() is not None:
        worker = _Worker()
    loaded = worker.decode(kind, data, request)
    idle.append(worker)
    return loaded


class _Worker:
    def __init__(self) -> None:
        path = os.pathsep.join(each or os.getcwd() for each in sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C must not reach the worker
        )

    def decode(self, kind: str, data: bytes, request: Request) -> LoadedImage:
        start = time.monotonic()
        try:
            _send(self.process.stdin, {"kind": kind, "request": asdict(request)}, data)
            received = _receive(self.process.stdout)
        except OSError:
            received = None
        except BaseException:  # interrupted: a late answer must not go to the next picture
            self.end()
            raise
        if received is None:
            self.end()
            if time.monotonic() - start >= request.limits.seconds:
                raise ImageError(
                    f"The image takes more than {request.limits.seconds:g} seconds to be decoded; save it again as "
                    "PNG or JPEG."
                )
            raise ImageError("The image file is damaged in a way that ends the program which reads it.")
        answer, pixels = received
        if "error" in answer:
            _idle[os.getpid()].append(self)
            raise ImageError(answer["error"])
        return LoadedImage(np.frombuffer(bytearray(pixels), np.uint8).reshape(answer["shape"]), tuple(answer["notes"]))

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()  # type: ignore[union-attr]
            except OSError:  # a request that was not read
                pass


@atexit.register
def _end_idle() -> None:
    for worker in _idle.pop(os.getpid(), []):
        worker.end()


def serve() -> None:
    """Answer requests on standard input until it is closed."""
    requests, answers, log = sys.stdin.buffer, os.fdopen(os.dup(1), "wb"), open(os.devnull, "w")
    os.dup2(2, 1)  # so that what a library prints does not mix with answers
    _prepare()
    while (received := _receive(requests)) is not None:
        header, data = received
        request = header["request"]
        limits = ImageLimits(**{**request["limits"], "formats": tuple(request["limits"]["formats"])})
        _limit_memory(limits.memory)
        faulthandler.dump_traceback_later(limits.seconds, exit=True, file=log)
        try:
            loaded = decode(header["kind"], data, Request(**{**request, "limits": limits}), in_worker=True)
            answer: dict[str, Any] = {"shape": loaded.pixels.shape, "notes": loaded.notes}
            pixels = loaded.pixels.tobytes()
        except ImageError as error:
            answer, pixels = {"error": str(error)}, b""
        faulthandler.cancel_dump_traceback_later()
        _send(answers, answer, pixels)
        del received, data, pixels


def _prepare() -> None:
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = min(_AVIF_THREADS, os.cpu_count() or 1)  # each thread takes memory


def _limit_memory(allowed: int) -> None:
    """Let this process allocate `allowed` more bytes; no effect where the system has no such limit."""
    import psutil

    held = getattr(psutil.Process().memory_info(), "data", None)  # Linux alone
    if held is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (held + allowed, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _send(stream: IO[bytes] | None, header: dict[str, Any], body: bytes) -> None:
    assert stream is not None
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def _receive(stream: IO[bytes] | None) -> tuple[dict[str, Any], bytes] | None:
    """Return (header, body), or None if the other side has closed the stream."""
    assert stream is not None
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    text, body = _LENGTHS.unpack(lengths)
    header, content = stream.read(text), stream.read(body)
    return (json.loads(header), content) if len(content) == body else None
