"""A zoo of image tokenizers: every vector quantizer behind one contract, measured in one way."""

__version__ = "0.1.0"
