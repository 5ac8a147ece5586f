"""Models looked at cell by cell: what the page of codebooks computes from, kept while it is needed."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from vqzoo.analysis.encoded_image import EncodedImage, Layer
from vqzoo.analysis.sample import Sample, sample
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Engine, Recent

LONGEST = 512
"""Pixels of the longest side: of more, cells are too many for a browser to draw."""
_TURN = 8  # images that are encoded before somebody else gets a turn


class Looker:
    """Looks, by model and photograph, each computed once and a few of them kept."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._looks: Recent[Hashable, EncodedImage | None] = Recent(4)
        self._samples: Recent[Hashable, list[EncodedImage]] = Recent(4)
        self.maps: Recent[Hashable, dict[str, Any]] = Recent(16)

    def key(self, name: str) -> Hashable:
        """A model's, until one comes or goes: another of its name may take its place."""
        return name, self.engine.changes

    def look(self, name: str, shown: Comparison) -> EncodedImage:
        """A model on the photograph of `shown`, no side over 512 pixels.

        Raises ValueError, a sentence, where there is no codebook to look at.
        """
        photo = self.engine.photo(shown.photo, min(shown.side, LONGEST))
        with self.engine.borrow(name) as tokenizer:
            from vqzoo.analysis.encode import encode  # here, where one thread at a time imports

            found = self._looks.get((self.key(name), photo.key), lambda: encode(tokenizer, photo.pixels))
        if found is None:
            raise ValueError(
                f"{name} has no codebook to look at: what it stores of a latent are its numbers themselves, or indices "
                "out of more than a million. Choose another model."
            )
        return found

    def test_counts(self, name: str) -> list[np.ndarray] | None:
        """Of each column, how often each index was used on the test split; None where that is not known."""
        return self.engine.test_counts(name)

    def sample(self, name: str) -> tuple[Sample, list[EncodedImage]]:
        """The images of `analysis.sample` for a model, and the model on each of them; call it after `look`."""
        from vqzoo.analysis.encode import encode

        images = sample(self.engine.models[name].metrics.get("dataset", ""))
        found = self._samples.find(self.key(name))
        if found is None:
            found = []
            for start in range(0, len(images.images), _TURN):
                with self.engine.borrow(name) as tokenizer:
                    for pixels in images.images[start : start + _TURN]:
                        found.append(_must(encode(tokenizer, pixels, found[0] if found else None)))
            looks = found
            found = self._samples.get(self.key(name), lambda: looks)
        return images, found

    def layer(self, look: EncodedImage, label: str | None) -> Layer:
        """The layer called so, or the first."""
        return next((layer for layer in look.layers if layer.label == label), look.layers[0])

    def decode(self, name: str, grids: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
        """A model's picture, uint8 (h, w, 3), of token grids (h, w, q)."""
        from vqzoo.analysis.encode import decode

        with self.engine.borrow(name) as tokenizer:
            return decode(tokenizer, grids, size)


def _must(look: EncodedImage | None) -> EncodedImage:
    assert look is not None, "an alphabet does not depend on the image"
    return look
