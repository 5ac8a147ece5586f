"""A context without requests to the Hub, for libraries that make some although they do not need them."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants


@contextmanager
def offline() -> Iterator[None]:
    """Make huggingface_hub raise its own error instead of sending requests, as with HF_HUB_OFFLINE=1."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
