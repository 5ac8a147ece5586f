"""Options of a prior's training run that are not fields of its recipe."""

from dataclasses import dataclass
from pathlib import Path

from trainers.loop.options import RunOptions


@dataclass(frozen=True)
class PriorOptions(RunOptions):
    """Options of a run of a prior: where it writes, when it logs and saves, and which token set it reads."""

    tokens: Path = Path()
    """A folder that `vqzoo tokenize` wrote; its split "train", or its first one, is learned from."""
    test: str = "test"
    """Split of the folder to measure on; "": the images held out of the other."""
    images: str = ""
    """Data set that was tokenized, a folder or a name, for `diffusion`, which then learns latents before quantization;
    "": it learns those of tokens."""
    label: str = ""
    """Column of classes that the prior is told, such as "label"; "": none."""
