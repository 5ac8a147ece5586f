"""A fair queue of jobs: visitors with the least computing time come first, and jobs of absent ones end."""

import asyncio
import math
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from fastapi import HTTPException
from gradio.block_function import BlockFunction
from gradio.queueing import Event, Queue
from gradio.utils import run_coro_in_background

GONE = 30.0
"""Seconds without reading a message after which a visitor counts as gone."""
_LOOK_EVERY = 2.0
_PATIENCE = 5.0
"""Seconds that a job over the limit is held back before it is refused: a page asks for several things at once."""
_HELD = 16
"""Jobs of an address that are held back at a time."""
_HALF_LIFE = 60.0


class Mailbox(asyncio.Queue[Any]):
    """The messages to one visitor, which knows since when nobody has read them."""

    def __init__(self) -> None:
        super().__init__()
        self.touched = time.monotonic()

    def _put(self, item: Any) -> None:
        if self.empty():
            self.touched = time.monotonic()
        super()._put(item)

    def _get(self) -> Any:
        self.touched = time.monotonic()
        return super()._get()

    @property
    def idle(self) -> float:
        """Seconds since a message was read, or since the first came that nobody has read."""
        return time.monotonic() - self.touched


class Spent:
    """Seconds that addresses have had, those of now included; half of the past is forgotten every minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._past: dict[str, tuple[float, float]] = {}
        self._now: dict[object, tuple[str, float]] = {}

    def __getitem__(self, address: str) -> float:
        now = self._clock()
        return self._left(address) + sum(now - begun for each, begun in self._now.values() if each == address)

    @contextmanager
    def by(self, address: str) -> Iterator[None]:
        """Charge the time spent inside to an address."""
        job, begun = object(), self._clock()
        self._now[job] = address, begun
        try:
            yield
        finally:
            del self._now[job]
            self._past[address] = self._left(address) + self._clock() - begun, self._clock()
            if len(self._past) > 1024:
                self._past = {each: state for each, state in self._past.items() if self._left(each) > 0.1}

    def _left(self, address: str) -> float:
        seconds, at = self._past.get(address, (0.0, 0.0))
        return seconds * math.pow(0.5, (self._clock() - at) / _HALF_LIFE)


class FairQueue(Queue):
    """Gradio's queue with at most `waiting` waiting jobs per address, ordered by the recent time of addresses.

    Without `waiting`, jobs are not limited and run in their order. The jobs of a visitor whose messages are not read
    for `GONE` seconds end, and the messages are dropped.
    """

    def __init__(self, *settings: Any, waiting: int | None = None, **more: Any):
        super().__init__(*settings, **more)
        self.waiting = waiting
        self.spent = Spent()
        self._coming, self._held = Counter[str](), Counter[str]()
        self._once = set[str]()  # sessions of one call, to which nobody can come back
        self.pending_messages_per_session.max_size = 2**16  # so that nobody's are dropped for those of others

    def start(self) -> None:
        """Start the queue and the search for visitors who have gone."""
        super().start()
        run_coro_in_background(self._look_for_gone)

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Add a job; raises HTTPException 429 for one over the limit of its address."""
        async with self._room(address_of(request)):
            if body.session_hash is None:
                body.session_hash = uuid.uuid4().hex
                self._once.add(body.session_hash)
            if body.session_hash not in self.pending_messages_per_session:
                self.pending_messages_per_session[body.session_hash] = Mailbox()
            return await super().push(body, request, username)

    @asynccontextmanager
    async def _room(self, address: str) -> AsyncIterator[None]:
        """Wait until the address may have one more job waiting, but not for long."""
        end = time.monotonic() + (_PATIENCE if self._held[address] < _HELD else 0)
        self._held[address] += 1
        try:
            while self.waiting is not None and self._waiting_of(address) >= self.waiting:
                if time.monotonic() > end:
                    raise HTTPException(429, f"{self.waiting} jobs from your address are waiting: try again later.")
                await asyncio.sleep(0.1)
        finally:
            self._held -= Counter([address])
        self._coming[address] += 1
        try:
            yield
        finally:
            self._coming -= Counter([address])

    def _waiting_of(self, address: str) -> int:
        queues = self.event_queue_per_concurrency_id.values()
        here = sum(_address(event) == address for queue in queues for event in queue.queue)
        return here + self._coming[address]

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """Return the next jobs, those of the address with the least recent time first."""
        if self.waiting is not None:
            for queue in self.event_queue_per_concurrency_id.values():
                if len(queue.queue) > 1 and queue.current_concurrency < (queue.concurrency_limit or 1):
                    had = {address: self.spent[address] for address in map(_address, queue.queue)}
                    queue.queue.sort(key=lambda event: had[_address(event)])
        return super().get_events()

    async def process_events(self, events: list[Event], batch: bool, begin_time: float, fn: BlockFunction) -> None:
        """Run jobs and charge their time to their address."""
        with self.spent.by(_address(events[0])):
            await super().process_events(events, batch, begin_time, fn)

    async def reset_iterators(self, event_id: str) -> None:
        """Reset a job's generator, which a visitor who cancels the job at its end may already have dropped."""
        with suppress(KeyError):
            await super().reset_iterators(event_id)

    async def _look_for_gone(self) -> None:
        while not self.stopped:
            await asyncio.sleep(_LOOK_EVERY)
            for session, box in list(self.pending_messages_per_session.items()):
                working = any(
                    event in self.event_ids_to_events for event in self.pending_event_ids_session.get(session, ())
                )
                if isinstance(box, Mailbox) and box.idle > GONE and not (working and box.empty()):
                    await self._forget(session)

    async def _forget(self, session: str) -> None:
        await self.clean_events(session_hash=session)
        self.pending_messages_per_session.pop(session, None)
        self.pending_event_ids_session.pop(session, None)
        if session in self._once and self.server_app is not None:
            self._once.remove(session)
            self.server_app.state_holder.session_data.pop(session, None)
            self.server_app.state_holder.time_last_used.pop(session, None)


def address_of(request: Any) -> str:
    """Return the address of a request, as resolved by the server behind trusted proxies."""
    return request.client.host if request.client else ""


def _address(event: Event) -> str:
    return address_of(event.request)
