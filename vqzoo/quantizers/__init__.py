"""Vector quantizers behind one contract: latents -> indices -> latents."""

from vqzoo.quantizers.base import Quantized, Quantizer
from vqzoo.quantizers.table import QUANTIZERS, build

__all__ = ["QUANTIZERS", "Quantized", "Quantizer", "build"]
