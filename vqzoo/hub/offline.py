"""For libraries that ask the Hub something on the way to what needs no network."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants


@contextmanager
def offline() -> Iterator[None]:
    """No request to the Hub leaves this process while it lasts, as under HF_HUB_OFFLINE=1; asking for one is an error
    of the library's own."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
