"""Conversion of tokenizers of other projects, with one file per family, see docs/foreign.md."""

from vqzoo.hub.foreign.table import FAMILIES, convert, write

__all__ = ["FAMILIES", "convert", "write"]
