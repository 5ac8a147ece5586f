"""Images decoded as they are needed, from a memory-mapped file: for data sets that memory does not hold."""

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
from trainers.data.pictures import Form, Tally, Unreadable, attempt

_Places = list[tuple[int, int]]
_Bad = list[tuple[int, str]]


class Mapped:
    """The very batches that `Batches` makes of the images in memory, whatever the number of workers.

    In the place of an image that cannot be read is the next that can; each is reported once, when it is met first.
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
        check_stateless(state)
        return self._batches(start)

    def _batches(self, start: int) -> Generator[Tensor, None, None]:
        loader = DataLoader(
            self.pictures,
            batch_sampler=_Numbered(self.order, start),
            num_workers=self.workers,
            collate_fn=_as_it_is,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # the global one belongs to the training, which must not see how it is fed
        )
        with naming_dead_workers():
            others = active_children()
            read = iter(loader)
            workers = [child for child in active_children() if child not in others]
            try:
                for images, bad in read:
                    self._report(bad)
                    yield images.to(self.device, non_blocking=True)
            except (EOFError, ConnectionError, FileNotFoundError) as error:  # nobody is there to hand a batch over
                _see_off(workers)
                raise _gone(str(error) or type(error).__name__) from error

    def state(self) -> None:
        return None

    def _report(self, bad: _Bad) -> None:
        for number, reason in bad:
            if number not in self._reported:
                self._reported.add(number)
                self.bad.add(f"row {number}", reason)
                where = f"data set {self.bad.dataset!r}, split {self.bad.split!r}"
                tqdm.write(f"{where}: row {number} cannot be read ({reason}); the next stands in for it")


class _Pictures(Dataset):
    def __init__(self, rows: datasets.Dataset, numbers: range, form: Form, augment: Augment):
        self.rows, self.numbers, self.form, self.augment = rows, numbers, form, augment

    def __getitems__(self, places: _Places) -> tuple[Tensor, _Bad]:
        """A batch of (epoch, place among the numbers), and the rows that could not be read."""
        bad: _Bad = []
        cells = self.rows[[self.numbers[place] for _, place in places]]["image"]
        squares = [
            torch.from_numpy(self._readable(place, cell, bad)) for (_, place), cell in zip(places, cells, strict=True)
        ]
        epochs, indices = torch.tensor(places).unbind(1)
        return self.augment(torch.stack(squares), epochs, indices), bad

    def _readable(self, place: int, cell: Any, bad: _Bad) -> Any:
        for other in cycle_from(place, len(self.numbers)):
            cell = cell if other == place else self.rows[self.numbers[other]]["image"]
            square = attempt(cell, self.form)
            if not isinstance(square, Unreadable):
                return square
            bad.append((self.numbers[other], str(square)))
        raise ValueError("no image can be read")


class _Numbered:
    """Batch `start`, the one after it, and so on: lists of (epoch, place)."""

    def __init__(self, order: Order, start: int):
        self.order, self.start = order, start

    def __iter__(self) -> Iterator[_Places]:
        for number in count(self.start):
            epochs, rows = self.order.at(number)
            yield list(zip(epochs.tolist(), rows.tolist(), strict=True))


def _as_it_is(batch: Any) -> Any:
    return batch


@contextmanager
def naming_dead_workers() -> Iterator[None]:
    """OSError that says what to do, in the place of PyTorch's RuntimeError for a data worker that is gone.

    PyTorch raises that one wherever the program happens to be, as a signal: a training loop stands inside this, too.
    Where it is saving just then, the error that arrives is of the file that was left, and has the signal's behind it.
    """
    try:
        yield
    except RuntimeError as error:
        if death := _death(error):
            raise _gone(death) from error
        raise


def _death(error: RuntimeError) -> str:
    """What PyTorch says of a worker that is gone; nothing where the error is another.

    In words: an error kept in a variable would keep itself alive by its traceback, and with it what read the images.
    """
    said = map(str, _chain(error))
    signs = "DataLoader worker (pid", "Pin memory thread exited"
    return next((words for words in said if any(sign in words for sign in signs)), "")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, the one that was being handled when it came, and so on."""
    while error:
        yield error
        error = error.__context__


def _see_off(workers: list[BaseProcess]) -> None:
    """Wait until the one that has hung up is gone.

    A process closes its connections before it ends, and its signal comes last: not anywhere in the program, but here.
    """
    ended = wait([worker.sentinel for worker in workers], timeout=5)
    for worker in workers:
        if worker.sentinel in ended:
            worker.join()


def _gone(why: str) -> OSError:
    return OSError(
        f"a process that reads images is gone ({why}); usually memory ran out: go on with --resume, and with fewer "
        "--workers (0: none)"
    )
