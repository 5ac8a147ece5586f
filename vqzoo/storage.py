"""Weights on disk: safetensors only, the header checked against the model before anything is read or allocated."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vqzoo.header import SCALE, Stored, check_header, is_matrix, read_header
from vqzoo.ops.text import brief, parse_json

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
JSON_LIMIT = 2**20
"""Bytes of a JSON file that are read."""
WEIGHTS_LIMIT = 2 * 2**30
"""Bytes of a weights file that are read, and downloaded."""


class Folder:
    """A local folder as a place to load from; `Repository` is the other one."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = folder.resolve().name

    def path(self, name: str, limit: int = JSON_LIMIT) -> Path:
        """The file called `name`; ValueError if there is none, it is over `limit` bytes or a link out of the folder."""
        path = self.folder / name
        if not path.is_file():
            raise ValueError(f"{self.name}: there is no {name}; expected a folder with {CONFIG} and {WEIGHTS}")
        real, home = Path(os.path.realpath(path)), Path(os.path.realpath(self.folder))
        # In a cache of the Hub a snapshot is a folder of links to blobs.
        blobs = home.parents[1] / "blobs" if home.parent.name == "snapshots" else home
        if home not in real.parents and blobs not in real.parents:
            raise ValueError(f"{name} of {self.name} is a link out of the folder; put the file itself there")
        check_size(f"{name} of {self.name}", path.stat().st_size, limit)
        return path

    def header(self, name: str) -> dict[str, Stored]:
        """What a safetensors file says it holds."""
        return header_of(self.path(name, WEIGHTS_LIMIT), self.name)


def check_size(where: str, size: object, limit: int) -> None:
    """ValueError for a file of more than `limit` bytes, or of a size that is not known."""
    if type(size) is not int or size > limit:
        said = f"{size:,} bytes" if type(size) is int else "an unknown size"
        raise ValueError(f"{where} has {said}; at most {limit:,} bytes are read")


def header_of(path: Path, of: str) -> dict[str, Stored]:
    """`read_header` of a file that belongs to `of`, which a ValueError names."""
    try:
        return read_header(path)
    except ValueError as error:
        raise _damaged(path, of, error) from None


def read_json(path: Path, of: str | None = None) -> dict[str, Any]:
    """The object in a JSON file of `of` (its folder); ValueError names the file and the place of a mistake."""
    of = path.parent.name if of is None else of
    where = f"{path.name} of {of}"
    if not path.is_file():
        raise ValueError(f"{of}: there is no {path.name}; expected a folder with {CONFIG} and {WEIGHTS}")
    check_size(where, path.stat().st_size, JSON_LIMIT)
    try:
        value = parse_json(path.read_bytes())
    except ValueError as error:  # broken syntax or encoding, absurdly long numbers or deep nesting
        raise ValueError(f"{where} is not valid JSON: {brief(error, 120)}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected a JSON object, not a {type(value).__name__}")
    return value


def write_json(path: Path, value: dict[str, Any], indent: int | None = 2) -> None:
    """Write an object as JSON, indented for readers, or with None on one line, for long lists of numbers.

    The file is whole at any moment: it is written beside and renamed.
    """
    separators = (",", ":") if indent is None else None
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(value, indent=indent, separators=separators) + "\n", encoding="utf-8")
    os.replace(partial, path)


def load_weights(model: nn.Module, path: Path, of: str | None = None) -> None:
    """Fill a model that was built on the meta device from a safetensors file of `of` (its folder).

    Floating-point tensors may be stored in another precision than the model's, or as `save_weights` stores int8, and
    are converted. Raises ValueError that names the key for a missing, unknown, misshapen or mistyped tensor or one that
    holds NaN or infinity, and for a file that is cut short or is no safetensors file; the model is left as it was.
    """
    of = path.parent.name if of is None else of
    if not path.is_file():
        raise ValueError(f"{of}: there is no {path.name}")
    expected = model.state_dict()
    check_header(f"{path.name} of {of}", header_of(path, of), expected)
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: _read(file, key).to(expected[key].dtype) for key in expected}
    except SafetensorError as error:
        raise _damaged(path, of, error) from None
    for key, tensor in state.items():
        if tensor.is_floating_point() and tensor.numel() and not torch.stack(tensor.aminmax()).isfinite().all():
            raise ValueError(f"{path.name} of {of}: tensor {key!r} holds NaN or infinity")
    model.load_state_dict(state, strict=True, assign=True)


def _damaged(path: Path, of: str, why: Exception) -> ValueError:
    return ValueError(f"{path.name} of {of} is cut short or no safetensors file: {brief(why, 160)}")


def _read(file: Any, key: str) -> Tensor:
    tensor = file.get_tensor(key)
    if tensor.dtype != torch.int8:
        return tensor
    return tensor.float().mul_(_along_rows(file.get_tensor(key + SCALE), tensor))


def save_weights(model: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the state of a model; matrices and larger tensors as `dtype`, vectors and counts as they are.

    torch.int8 stores whole numbers from -127 to 127 and, as `<key>.scale`, one float32 a row (first dimension) to
    multiply them by: the row's largest magnitude over 127. The first dimension is that of the output channels, but for
    transposed convolutions that of the input: their last one, with three outputs, would lose more along these. Rows of
    fewer than four numbers, longer with their scale than without, become float16.
    """
    state = {}
    for key, value in model.state_dict().items():
        tensor = value.detach().cpu()
        if not is_matrix(tensor):
            state[key] = tensor.contiguous()
        elif dtype == torch.int8 and tensor[0].numel() >= 4:
            state[key], state[key + SCALE] = _to_int8(tensor.float())
        else:
            state[key] = tensor.to(torch.float16 if dtype == torch.int8 else dtype).contiguous()
    save_file(state, path, metadata={"format": "pt"})


def _to_int8(tensor: Tensor) -> tuple[Tensor, Tensor]:
    scale = tensor.flatten(1).abs().amax(1) / 127
    # Of a row of zeros 0 / 0 would be no number, of which every machine makes another int8.
    divisor = torch.where(scale > 0, scale, torch.inf)
    return (tensor / _along_rows(divisor, tensor)).round().to(torch.int8).contiguous(), scale


def _along_rows(scale: Tensor, tensor: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (tensor.ndim - 1))
