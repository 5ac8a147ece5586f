"""What surprises a prior in a photograph: the bits of each token under it, as a map over the picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqzoo.views.generate import class_of, middle, read
from vqzoo.views.priors import NO_CLASS, Priors
from vqzoo.views.vqz import Files

ABOUT = (
    "Bits are −log₂ of the probability of a token given those before it: many where the token surprises the prior. "
    "A prior knows images of one size, so it is given the middle of the photograph, shrunk to that. A .vqz file has a "
    "header and is coded by what neighbouring tokens tell, without a prior."
)


@dataclass(frozen=True, eq=False)
class Surprise:
    """The bits of a photograph's tokens under a prior.

    decoded: the photograph as decoded from its tokens, uint8 (h, w, 3). cells: bits of the tokens of each cell of the
    finest grid, (rows, columns). covers: height and width in pixels that the cells cover. bits: their sum. true_bits:
    of all indices. file_bits: size of a .vqz file of the same tokens, None for a tokenizer that is not offered.
    problem: why there is nothing of all this.
    """

    name: str
    decoded: np.ndarray | None = None
    cells: np.ndarray | None = None
    covers: tuple[int, int] = (0, 0)
    bits: float = 0.0
    true_bits: float = 0.0
    file_bits: int | None = None
    problem: str = ""

    def record(self) -> dict[str, Any]:
        """Return the numbers as plain values."""
        if self.cells is None:
            return {"prior": self.name, "problem": self.problem}
        return {
            "prior": self.name,
            "bits": self.bits,
            "true_bits": self.true_bits,
            "file_bits": self.file_bits,
            "cells": self.cells.tolist(),
        }


class Surprises:
    """Measures photographs with priors and writes their files."""

    def __init__(self, priors: Priors):
        self.priors, self.files = priors, Files(priors.engine)

    def measure(self, names: Sequence[str], path: str, label: str = NO_CLASS) -> list[Surprise]:
        """Return what surprises each prior in a photograph, given a class; see `generate.middle` for its size.

        A prior without likelihoods, as one of diffusion, has a `problem`. Raises ValueError for an unknown prior and
        for an unusable photograph.
        """
        return [self._measure(name, path, label) for name in self.priors.check(names)]

    def _measure(self, name: str, path: str, label: str) -> Surprise:
        record, engine = self.priors.records[name], self.priors.engine
        photo = middle(engine, path, record.size)
        try:
            with self.priors.borrow(name) as ready:
                import torch

                from vqzoo.generation.partial import over_image

                prior, tokenizer = ready.loaded.prior, ready.loaded.tokenizer
                decoded, tokens = read(ready, photo)
                labels = class_of(ready, label, 1)
                with torch.inference_mode():
                    bits = prior.bits_by_index(tokens, None if isinstance(labels, int) else labels)
                cells = over_image(tokenizer, [grid.double().cpu() for grid in bits])[0].numpy()
                true_bits = tokenizer.bits(tokens).item()
            file_bits = None
            if record.tokenizer in engine.models:
                file_bits = self.files.write(record.tokenizer, photo).bits
        except ValueError as error:
            return Surprise(name, problem=str(error))
        covers = tokenizer.padded(record.size)
        return Surprise(name, decoded, cells, covers, float(cells.sum()), true_bits, file_bits)
