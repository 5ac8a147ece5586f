"""The table of families that can be read, and reading one."""

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
"""Each module has `SIGN`, by what one knows the family, `matches`, `convert`, and `DROPPED`, keys to be left out."""


def convert(source: str | Path, family: str | None = None, resolution: int = 256) -> Tokenizer:
    """A tokenizer of another project as one of ours, in evaluation mode, on the CPU.

    source: a checkpoint file, or a folder with config.json and weights, on this machine.
    family: one of `FAMILIES`; None reads it from the keys.
    resolution: the side in pixels of the images that it was trained on, which no file tells.
    Images are in [-1, 1] there as here. Indices and reconstructions are the other project's, up to rounding.
    Raises ValueError that says what was expected or which tensor is missing, unknown, or of another shape.
    """
    if family is not None:
        check_choice("family", family, FAMILIES)
    checkpoint = read(Path(source))
    return FAMILIES[family or _family_of(checkpoint)].convert(checkpoint, resolution)


def write(source: str | Path, folder: str | Path, family: str | None = None, resolution: int = 256) -> Tokenizer:
    """`convert`, and config.json and model.safetensors written into a folder that is new or empty."""
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target}: expected a new or an empty folder")
    tokenizer = convert(source, family, resolution)
    target.mkdir(parents=True, exist_ok=True)
    tokenizer.save(target)
    return tokenizer


def _family_of(checkpoint: Checkpoint) -> str:
    found = [name for name, family in FAMILIES.items() if family.matches(checkpoint)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{checkpoint.name}: its keys are those of {' and of '.join(found)}; name the family")
    signs = "; ".join(f"{name}: {family.SIGN}" for name, family in FAMILIES.items())
    raise ValueError(f"{checkpoint.name}: of no family that can be read; expected {signs}")
