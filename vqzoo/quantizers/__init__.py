"""Vector quantizers behind one contract: latents -> indices -> latents."""

from vqzoo.quantizers.base import Quantized, Quantizer
from vqzoo.quantizers.presets import PRESETS, Preset, preset
from vqzoo.quantizers.table import QUANTIZERS, build

__all__ = ["PRESETS", "QUANTIZERS", "Preset", "Quantized", "Quantizer", "build", "preset"]
