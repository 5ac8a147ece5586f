"""Compute results ahead of their consumer, on threads."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    depth: int,
    threads: int | None = None,
    start: Callable[[], object] = lambda: None,
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item, in order, computed by threads up to `depth` items ahead of the consumer.

    `items` is iterated in the consumer's thread; each of the threads calls `start` first. An error of `items` is raised
    at once, an error of `function` when its result is due.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, initializer=start) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def batch_a_core(function: Callable[[Item], Result], batches: Iterable[Item]) -> Generator[Result, None, None]:
    """Yield `function(batch)` for each batch, in order: as many at a time as torch has threads, each on one thread.

    On a CPU this is faster than all threads on one batch after the other, as they wait for each other at every layer.
    """
    threads = torch.get_num_threads()
    try:
        yield from prefetch(function, batches, threads, threads, start=lambda: torch.set_num_threads(1))
    finally:
        torch.set_num_threads(threads)  # a thread sets the number of MKL for all of them
