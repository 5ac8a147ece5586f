"""Images decoded when they are needed, from memory-mapped files: for data sets that do not fit into memory."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing import active_children
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import datasets
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from trainers.data.augment import Augment
from trainers.data.memory import check_stateless, cycle_from
from trainers.data.order import Order
from trainers.data.pictures import Form, Tally, Unreadable, try_decode

_Positions = list[tuple[int, int]]
_Bad = list[tuple[int, str]]


class Mapped:
    """The same batches as those of `Batches`, decoded by `workers` processes.

    The next readable image stands in for one that cannot be read; each unreadable image is reported once.
    """

    def __init__(
        self,
        rows: datasets.Dataset,
        numbers: range,
        form: Form,
        augment: Augment,
        order: Order,
        bad: Tally,
        workers: int,
        device: torch.device,
    ):
        self.pictures = _Pictures(rows, numbers, form, augment)
        self.order, self.bad, self.workers, self.device = order, bad, workers, device
        self._reported: set[int] = set()

    def batches(self, start: int, state: Any = None) -> Generator[Tensor, None, None]:
        """Yield batches as `Feed.batches` does."""
        check_stateless(state)
        return self._batches(start)

    def _batches(self, start: int) -> Generator[Tensor, None, None]:
        loader = DataLoader(
            self.pictures,
            batch_sampler=_BatchSampler(self.order, start),
            num_workers=self.workers,
            collate_fn=_identity,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # training draws from the global one; the kind of loading must not change it
        )
        with explain_dead_workers():
            others = active_children()
            read = iter(loader)
            workers = [child for child in active_children() if child not in others]
            try:
                for images, bad in read:
                    self._report(bad)
                    yield images.to(self.device, non_blocking=True)
            except (EOFError, ConnectionError, FileNotFoundError) as error:  # a worker ended while it sent a batch
                _wait_for_exit(workers)
                raise _worker_died(str(error) or type(error).__name__) from error

    def state(self) -> None:
        """Return None: the number of the batch is enough to resume."""

    def _report(self, bad: _Bad) -> None:
        for number, reason in bad:
            if number not in self._reported:
                self._reported.add(number)
                self.bad.add(f"row {number}", reason)
                where = f"data set {self.bad.dataset!r}, split {self.bad.split!r}"
                tqdm.write(f"{where}: row {number} cannot be read ({reason}); the next stands in for it")


class _Pictures(Dataset[Any]):
    def __init__(self, rows: datasets.Dataset, numbers: range, form: Form, augment: Augment):
        self.rows, self.numbers, self.form, self.augment = rows, numbers, form, augment

    def __getitems__(self, positions: _Positions) -> tuple[Tensor, _Bad]:
        """Return the images at these (epoch, position in `numbers`), and the rows that could not be read."""
        bad: _Bad = []
        cells = self.rows[[self.numbers[position] for _, position in positions]]["image"]
        squares = [
            torch.from_numpy(self._decode_or_next(position, cell, bad))
            for (_, position), cell in zip(positions, cells, strict=True)
        ]
        epochs, indices = torch.tensor(positions).unbind(1)
        return self.augment(torch.stack(squares), epochs, indices), bad

    def _decode_or_next(self, position: int, cell: Any, bad: _Bad) -> Any:
        for other in cycle_from(position, len(self.numbers)):
            cell = cell if other == position else self.rows[self.numbers[other]]["image"]
            square = try_decode(cell, self.form)
            if not isinstance(square, Unreadable):
                return square
            bad.append((self.numbers[other], str(square)))
        raise ValueError("no image can be read")


class _BatchSampler:
    """Batches from number `start` on: lists of (epoch, position)."""

    def __init__(self, order: Order, start: int):
        self.order, self.start = order, start

    def __iter__(self) -> Iterator[_Positions]:
        for number in count(self.start):
            epochs, rows = self.order.at(number)
            yield list(zip(epochs.tolist(), rows.tolist(), strict=True))


def _identity(batch: Any) -> Any:
    return batch


@contextmanager
def explain_dead_workers() -> Iterator[None]:
    """Raise OSError that says what to do, instead of PyTorch's RuntimeError for a data worker that died.

    PyTorch raises its error from a signal handler, wherever the program is at that moment, so the training loop runs
    inside this context, too. Where a file is being written at that moment, the error that arrives is about the file,
    and PyTorch's error is its `__context__`.
    """
    try:
        yield
    except RuntimeError as error:
        if death := _worker_death_message(error):
            raise _worker_died(death) from error
        raise


def _worker_death_message(error: RuntimeError) -> str:
    """Return PyTorch's message about a worker that died, or "" for any other error.

    Returns text because a reference to the error would keep its traceback, and with it the loader, alive.
    """
    messages = map(str, _chain(error))
    signs = "DataLoader worker (pid", "Pin memory thread exited"
    return next((words for words in messages if any(sign in words for sign in signs)), "")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, the error that was being handled when it was raised, and so on."""
    while error:
        yield error
        error = error.__context__


def _wait_for_exit(workers: list[BaseProcess]) -> None:
    """Wait until the worker that closed its connection has ended.

    A process closes its connections before it ends. PyTorch's handler runs when it ends: here, while we wait, and not
    at some later line of the program.
    """
    ended = wait([worker.sentinel for worker in workers], timeout=5)
    for worker in workers:
        if worker.sentinel in ended:
            worker.join()


def _worker_died(why: str) -> OSError:
    return OSError(
        f"a process that reads images is gone ({why}); usually memory ran out: go on with --resume, and with fewer "
        "--workers (0: none)"
    )
