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
_SCALE = ".scale"  # No tensor of a model ends so next to one without: a name is a tensor's or a module's, not both.


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

    Floating-point tensors may be stored in another precision than the model's, or as `save_weights` stores int8, and
    are converted. Raises ValueError that names the key for a missing, unknown, misshapen or mistyped tensor, and for a
    file that is cut short or is no safetensors file; the model is left as it was.
    """
    if not path.is_file():
        raise ValueError(f"{path.parent.name}: there is no {path.name}")
    expected = model.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            _check_header(path, file, expected)
            state = {key: _read(file, key).to(expected[key].dtype) for key in expected}
    except SafetensorError as error:
        raise ValueError(f"{path.name} of {path.parent.name} is cut short or no safetensors file: {error}") from None
    model.load_state_dict(state, strict=True, assign=True)


def _check_header(path: Path, file: Any, expected: dict[str, Tensor]) -> None:
    where = f"{path.name} of {path.parent.name}"
    stored = set(file.keys())
    narrow = {key for key, tensor in expected.items() if _is_matrix(tensor) and key in stored and _is_int8(file, key)}
    needed = expected.keys() | {key + _SCALE for key in narrow}
    for key in sorted(needed - stored):
        by = "the configuration" if key in expected else f"int8 {key.removesuffix(_SCALE)!r}"
        raise ValueError(f"{where}: tensor {key!r} is missing; {by} needs it")
    for key in sorted(stored - needed):
        raise ValueError(f"{where}: tensor {key!r} is unknown to the configuration")
    for key, tensor in expected.items():
        part = file.get_slice(key)
        if tuple(part.get_shape()) != tuple(tensor.shape):
            raise ValueError(
                f"{where}: tensor {key!r} has shape {tuple(part.get_shape())}; "
                f"the configuration needs {tuple(tensor.shape)}"
            )
        if key in narrow:
            scale = file.get_slice(key + _SCALE)
            if (scale.get_dtype(), list(scale.get_shape())) != ("F32", [len(tensor)]):
                raise ValueError(
                    f"{where}: tensor {key + _SCALE!r} has type {scale.get_dtype()} and shape "
                    f"{tuple(scale.get_shape())}; int8 {key!r} needs F32 and ({len(tensor)},), one number a row"
                )
            continue
        kind = "float" if tensor.dtype.is_floating_point else tensor.dtype
        if _DTYPES.get(part.get_dtype()) != kind:
            raise ValueError(
                f"{where}: tensor {key!r} has type {part.get_dtype()}; the configuration needs {tensor.dtype}"
            )


def _is_int8(file: Any, key: str) -> bool:
    return file.get_slice(key).get_dtype() == "I8"


def _read(file: Any, key: str) -> Tensor:
    tensor = file.get_tensor(key)
    if tensor.dtype != torch.int8:
        return tensor
    return tensor.float().mul_(_along_rows(file.get_tensor(key + _SCALE), tensor))


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
        if not _is_matrix(tensor):
            state[key] = tensor.contiguous()
        elif dtype == torch.int8 and tensor[0].numel() >= 4:
            state[key], state[key + _SCALE] = _to_int8(tensor.float())
        else:
            state[key] = tensor.to(torch.float16 if dtype == torch.int8 else dtype).contiguous()
    save_file(state, path, metadata={"format": "pt"})


def _is_matrix(tensor: Tensor) -> bool:
    return tensor.dtype.is_floating_point and tensor.ndim >= 2


def _to_int8(tensor: Tensor) -> tuple[Tensor, Tensor]:
    scale = tensor.flatten(1).abs().amax(1) / 127
    # Of a row of zeros 0 / 0 would be no number, of which every machine makes another int8.
    divisor = torch.where(scale > 0, scale, torch.inf)
    return (tensor / _along_rows(divisor, tensor)).round().to(torch.int8).contiguous(), scale


def _along_rows(scale: Tensor, tensor: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (tensor.ndim - 1))
