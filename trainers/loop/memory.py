"""Memory that training needs: an estimate before it starts, and what to do when it ran out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from trainers.recipes.recipe import Recipe

NO_MEMORY = "memory ran out; expected a smaller --batch-size, or --accumulate 4, which takes a batch in four parts"
_FLOATS_A_NUMBER = 20
"""Lower bound of the numbers of 4 bytes that a step stores for each number of an image: even the narrowest network of
the zoo stores several times as many."""


def check_memory(recipe: Recipe, processes: int) -> None:
    """Raise ValueError for a batch that needs more than this machine's memory, on a CPU or on a GPU."""
    images = recipe.batch_size // (recipe.accumulate * processes)
    needed = images * recipe.channels * recipe.side**2 * 4 * _FLOATS_A_NUMBER
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else needed
    if needed > memory:
        raise ValueError(
            f"batch_size={recipe.batch_size}: a step needs {needed / 2**30:,.0f} GiB at least, and this machine has "
            f"{memory / 2**30:,.0f}; expected a smaller batch, or more parts with --accumulate"
        )


@contextmanager
def as_value_errors() -> Iterator[None]:
    """Raise ValueError instead of FloatingPointError, and, with advice, instead of errors about memory."""
    try:
        yield
    except FloatingPointError as error:
        raise ValueError(str(error)) from None
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text:
            raise ValueError(NO_MEMORY) from None
        raise
