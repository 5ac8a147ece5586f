"""Tokenizers that others have published, read into ours: one file a family, see docs/foreign.md."""

from vqzoo.hub.foreign.table import FAMILIES, convert, write

__all__ = ["FAMILIES", "convert", "write"]
