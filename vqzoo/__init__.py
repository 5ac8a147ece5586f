"""A zoo of image tokenizers: every vector quantizer behind one contract, measured in one way.

import vqzoo

tokenizer = vqzoo.load("cifar10-looc-256x4")
tokens = tokenizer.encode(images)  # images: float (b, 3, H, W) in [-1, 1]
images = tokenizer.decode(tokens)
"""

from vqzoo.hub.registry import Model, list_models, load
from vqzoo.tokenizer import Reconstruction, Tokenizer, Tokens

__version__ = "0.1.0"
__all__ = ["Model", "Reconstruction", "Tokenizer", "Tokens", "list_models", "load"]
