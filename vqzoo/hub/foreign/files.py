"""Reader for checkpoint files of other projects that loads tensors only and runs no code."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vqzoo.files.storage import CONFIG, read_json

_WEIGHTS = ("diffusion_pytorch_model.safetensors", "model.safetensors")
_PICKLES = (".ckpt", ".pt", ".pth", ".bin")
_STATES = ("ema", "model", "state_dict")
"""Keys of a training checkpoint's weights; moving averages come first, as in LlamaGen's own evaluation."""

_BYSTANDERS = ("pytorch_lightning.", "lightning.", "omegaconf.", "numpy.", "argparse.", "pathlib.")
"""Modules of objects that training checkpoints store beside the weights, such as Lightning's callbacks."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file. tensors: by key; size: in bytes; config: content of the config.json beside it, or {}."""

    name: str
    tensors: dict[str, Tensor]
    size: int
    config: dict[str, Any]


def read(source: Path) -> Checkpoint:
    """Read a checkpoint file (.ckpt, .pt, .pth, .bin, .safetensors), or the one in a folder, to the CPU.

    Pickled files are read by `torch.load(weights_only=True)`, memory-mapped if their format allows it. Raises
    ValueError for a damaged file, and for one that would run code of modules other than torch.
    """
    path, config = source, {}
    if source.is_dir():
        path = _weights_of(source)
        config = read_json(source / CONFIG) if (source / CONFIG).is_file() else {}
    if not path.is_file():
        raise ValueError(f"{source}: no such file or folder; expected a checkpoint, downloaded beforehand")
    if path.suffix == ".safetensors":
        try:
            tensors: Any = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path.name} is cut short or no safetensors file: {error}") from None
    elif path.suffix in _PICKLES:
        tensors = _state_of(_unpickled(path))
    else:
        raise ValueError(f"{path.name}: expected a file that ends in .safetensors, {', '.join(_PICKLES)}")
    if not isinstance(tensors, dict) or not tensors:
        raise ValueError(f"{path.name}: expected a dict of tensors, or one under {', '.join(_STATES)}")
    for key, tensor in tensors.items():
        if type(key) is not str or type(tensor) not in (Tensor, nn.Parameter) or tensor.layout != torch.strided:
            raise ValueError(f"{path.name}: {key!r} is a {type(tensor).__name__}; expected names with dense tensors")
    return Checkpoint(path.name, tensors, path.stat().st_size, config)


def _weights_of(folder: Path) -> Path:
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".safetensors", *_PICKLES))
    if len(paths) != 1:
        names = ", ".join(path.name for path in paths) or "none"
        raise ValueError(f"{folder}: expected one file of weights in it, found {names}; name the file itself")
    return paths[0]


class _Bystander:
    """A stand-in for classes and functions that are not needed: accepts any arguments and does nothing."""

    def __new__(cls, *args: Any, **settings: Any) -> "_Bystander":
        return super().__new__(cls)

    def __init__(self, *args: Any, **settings: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _unpickled(path: Path) -> Any:
    """Load a file with torch's restricted unpickler, with `_Bystander` in place of names in `_BYSTANDERS`."""
    zipped = zipfile.is_zipfile(path)
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path) if zipped else []
        strange = sorted(name for name in names if not name.startswith(_BYSTANDERS))
        if not strange:
            with torch.serialization.safe_globals([(_Bystander, name) for name in names]):
                return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # a broken pickle can raise anything
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path.name} is damaged, or holds more than tensors: {reason}") from None
    raise ValueError(f"{path.name} would run code that a table of weights does not need: {', '.join(strange)}")


def _state_of(loaded: Any) -> Any:
    for key in _STATES:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            return loaded[key]
    return loaded
