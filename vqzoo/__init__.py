"""A zoo of image tokenizers: every vector quantizer behind one contract, measured in one way.

import vqzoo

tokenizer = vqzoo.load("cifar10-looc-256x4")
tokens = tokenizer.encode(images)  # float (b, 3, H, W) in [-1, 1], uint8, NumPy (b, H, W, 3), or Pillow's pictures
images = tokenizer.decode(tokens)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vqzoo.ops.version import __version__

if TYPE_CHECKING:
    from vqzoo.generation.generate import generate
    from vqzoo.hub.registry import Model, list_models, load
    from vqzoo.tokenizer import Reconstruction, Tokenizer, Tokens

__all__ = ["Model", "Reconstruction", "Tokenizer", "Tokens", "__version__", "generate", "list_models", "load"]

_HOMES = {
    "Model": "vqzoo.hub.registry",
    "generate": "vqzoo.generation.generate",
    "list_models": "vqzoo.hub.registry",
    "load": "vqzoo.hub.registry",
}


def __getattr__(name: str) -> Any:
    """Import a name of `__all__` on first use: torch, which all of them need, takes seconds to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _HOMES.get(name, "vqzoo.tokenizer")
    return getattr(import_module(module), name)
