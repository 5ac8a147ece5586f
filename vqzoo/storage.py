"""Weights on disk: safetensors only, the header checked against the model before anything is read or allocated."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

CONFIG = "config.json"
WEIGHTS = "model.safetensors"

_DTYPES = {"F64": "float", "F32": "float", "F16": "float", "BF16": "float", "I64": torch.int64, "BOOL": torch.bool}


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; ValueError names the file and the place of a mistake."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"{path.parent}: there is no {path.name}; expected a folder with {CONFIG} and {WEIGHTS}"
        ) from None
    except (ValueError, RecursionError) as error:  # broken syntax or encoding, absurdly long numbers or deep nesting
        raise ValueError(f"{path.name} of {path.parent.name} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} of {path.parent.name}: expected a JSON object, not a {type(value).__name__}")
    return value


def write_json(path: Path, value: dict[str, Any], indent: int | None = 2) -> None:
    """Write an object as JSON, indented for readers, or with None on one line, for long lists of numbers."""
    separators = (",", ":") if indent is None else None
    path.write_text(json.dumps(value, indent=indent, separators=separators) + "\n", encoding="utf-8")


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill a model that was built on the meta device from a safetensors file.

    Floating-point tensors may be stored in another precision than the model's and are converted. Raises ValueError
    that names the key for a missing, unknown, misshapen or mistyped tensor, and for a file that is cut short or is no
    safetensors file; the model is left as it was.
    """
    if not path.is_file():
        raise ValueError(f"{path.parent.name}: there is no {path.name}")
    expected = model.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            _check_header(path, file, expected)
            state = {key: file.get_tensor(key).to(expected[key].dtype) for key in expected}
    except SafetensorError as error:
        raise ValueError(f"{path.name} of {path.parent.name} is cut short or no safetensors file: {error}") from None
    model.load_state_dict(state, strict=True, assign=True)


def _check_header(path: Path, file: Any, expected: dict[str, Tensor]) -> None:
    where = f"{path.name} of {path.parent.name}"
    stored = set(file.keys())
    for key in sorted(expected.keys() - stored):
        raise ValueError(f"{where}: tensor {key!r} is missing; the configuration needs it")
    for key in sorted(stored - expected.keys()):
        raise ValueError(f"{where}: tensor {key!r} is unknown to the configuration")
    for key, tensor in expected.items():
        part = file.get_slice(key)
        if tuple(part.get_shape()) != tuple(tensor.shape):
            raise ValueError(
                f"{where}: tensor {key!r} has shape {tuple(part.get_shape())}; "
                f"the configuration needs {tuple(tensor.shape)}"
            )
        kind = "float" if tensor.dtype.is_floating_point else tensor.dtype
        if _DTYPES.get(part.get_dtype()) != kind:
            raise ValueError(
                f"{where}: tensor {key!r} has type {part.get_dtype()}; the configuration needs {tensor.dtype}"
            )


def save_weights(model: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the state of a model; matrices and larger tensors as `dtype`, vectors and counts as they are."""
    state = {}
    for key, tensor in model.state_dict().items():
        narrow = tensor.dtype.is_floating_point and tensor.ndim >= 2
        state[key] = tensor.detach().to("cpu", dtype if narrow else tensor.dtype).contiguous()
    save_file(state, path, metadata={"format": "pt"})
