"""Token grids of models on photographs, cached for the page of codebooks."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from vqzoo.analysis.encoded_image import EncodedImage, Layer
from vqzoo.analysis.sample import Sample, sample
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Engine, Recent

LONGEST = 512
"""Longest side of a photograph in pixels: a browser is slow to draw more cells."""
_TURN = 8  # images that are encoded before another visitor's job may run


class Inspector:
    """Computes a `EncodedImage` (token grids, distances, counts) per model and photograph, and caches a few of them."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._looks: Recent[Hashable, EncodedImage | None] = Recent(4)
        self._samples: Recent[Hashable, list[EncodedImage]] = Recent(4)
        self.maps: Recent[Hashable, dict[str, Any]] = Recent(16)

    def key(self, name: str) -> Hashable:
        """Return a model's cache key, which changes with the models offered: one may replace another of its name."""
        return name, self.engine.changes

    def inspect(self, name: str, shown: Comparison) -> EncodedImage:
        """Encode the photograph of `shown`, shrunk to at most 512 pixels a side.

        Raises ValueError for a model without a codebook.
        """
        photo = self.engine.photo(shown.photo, min(shown.side, LONGEST))
        with self.engine.borrow(name) as tokenizer:
            from vqzoo.analysis.encode import encode  # under the lock, so that one thread at a time imports

            result = self._looks.get((self.key(name), photo.key), lambda: encode(tokenizer, photo.pixels))
        if result is None:
            raise ValueError(
                f"{name} has no codebook to look at: what it stores of a latent are its numbers themselves, or indices "
                "out of more than a million. Choose another model."
            )
        return result

    def test_counts(self, name: str) -> list[np.ndarray] | None:
        """Return the counts (K,) of each column's indices on the test split; None if they are unknown."""
        return self.engine.test_counts(name)

    def sample(self, name: str) -> tuple[Sample, list[EncodedImage]]:
        """Return the images of `analysis.sample` for a model, encoded by it; call it after `inspect`."""
        from vqzoo.analysis.encode import encode

        images = sample(self.engine.models[name].metrics.get("dataset", ""))
        cached = self._samples.find(self.key(name))
        if cached is None:
            samples: list[EncodedImage] = []
            for start in range(0, len(images.images), _TURN):
                with self.engine.borrow(name) as tokenizer:
                    for pixels in images.images[start : start + _TURN]:
                        samples.append(_must(encode(tokenizer, pixels, samples[0] if samples else None)))
            cached = self._samples.get(self.key(name), lambda: samples)
        return images, cached

    def layer(self, encoded: EncodedImage, label: str | None) -> Layer:
        """Return the layer with this label, or the first."""
        return next((layer for layer in encoded.layers if layer.label == label), encoded.layers[0])

    def decode(self, name: str, grids: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
        """Decode token grids (h, w, q) to a picture, uint8 (h, w, 3)."""
        from vqzoo.analysis.encode import decode

        with self.engine.borrow(name) as tokenizer:
            return decode(tokenizer, grids, size)


def _must(encoded: EncodedImage | None) -> EncodedImage:
    assert encoded is not None, "an alphabet does not depend on the image"
    return encoded
