"""What leaves the tokenizer: token sets on disk, sequences for generators, and compressed files."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqzoo.tokens.sequences import Sequences
    from vqzoo.tokens.token_set import TokenSet

_HOMES = {"Sequences": "vqzoo.tokens.sequences", "TokenSet": "vqzoo.tokens.token_set"}
__all__ = ["Sequences", "TokenSet"]


def __getattr__(name: str) -> Any:
    """Import a name of `__all__` on first use: token sets need the extra `tokens`, and torch takes seconds."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
