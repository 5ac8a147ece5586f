"""The table of supported families, and conversion of their checkpoints."""

from pathlib import Path
from types import ModuleType

from vqzoo.hub.foreign import diffusers, ibq, llamagen, magvit2, taming
from vqzoo.hub.foreign.files import Checkpoint, read
from vqzoo.ops.check import check_choice
from vqzoo.tokenizer import Tokenizer

FAMILIES: dict[str, ModuleType] = {
    "taming": taming,
    "diffusers": diffusers,
    "llamagen": llamagen,
    "magvit2": magvit2,
    "ibq": ibq,
}
"""Each module has `SIGN`, a description of its keys, `matches`, `convert`, and `DROPPED`, prefixes of unused keys."""


def convert(source: str | Path, family: str | None = None, resolution: int = 256) -> Tokenizer:
    """Convert a tokenizer of another project to a `Tokenizer` in evaluation mode, on the CPU.

    source: a checkpoint file, or a folder with config.json and weights, on this machine.
    family: one of `FAMILIES`; None detects it from the keys.
    resolution: side in pixels of the training images, which checkpoints do not record.
    Images are in [-1, 1]. Indices and reconstructions equal those of the other project up to rounding.
    Raises ValueError for an unknown family, and for a tensor that is missing, unknown, or of another shape.
    """
    if family is not None:
        check_choice("family", family, FAMILIES)
    checkpoint = read(Path(source))
    tokenizer: Tokenizer = FAMILIES[family or _family_of(checkpoint)].convert(checkpoint, resolution)
    return tokenizer


def write(source: str | Path, folder: str | Path, family: str | None = None, resolution: int = 256) -> Tokenizer:
    """Run `convert`, and write config.json and model.safetensors to a new or empty folder."""
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target}: expected a new or an empty folder")
    tokenizer = convert(source, family, resolution)
    target.mkdir(parents=True, exist_ok=True)
    tokenizer.save(target)
    return tokenizer


def _family_of(checkpoint: Checkpoint) -> str:
    families = [name for name, family in FAMILIES.items() if family.matches(checkpoint)]
    if len(families) == 1:
        return families[0]
    if families:
        raise ValueError(f"{checkpoint.name}: its keys are those of {' and of '.join(families)}; name the family")
    signs = "; ".join(f"{name}: {family.SIGN}" for name, family in FAMILIES.items())
    raise ValueError(f"{checkpoint.name}: of no family that can be read; expected {signs}")
