"""Weights on disk: safetensors only, with the header checked against the model before anything is read."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vqzoo.files.header import TensorInfo
from vqzoo.files.storage import atomic_write, weights_error, weights_header

SCALE = ".scale"  # cannot clash: a name is a tensor's or a module's, so no tensor is called KEY.scale
_LONG_VECTOR = 4096
_KINDS = {"F64": "float", "F32": "float", "F16": "float", "BF16": "float", "I64": torch.int64, "BOOL": torch.bool}


def is_matrix(tensor: Tensor) -> bool:
    """Return whether a tensor may be stored as int8 with one scale a row."""
    return tensor.dtype.is_floating_point and tensor.ndim >= 2


def check_header(where: str, stored: dict[str, TensorInfo], expected: dict[str, Tensor]) -> None:
    """Raise ValueError unless a file's tensors are those of a model.

    Shapes must be equal, and types must convert to the model's. The message names the tensor.
    """
    narrow = {
        key for key, tensor in expected.items() if is_matrix(tensor) and key in stored and stored[key].dtype == "I8"
    }
    needed = expected.keys() | {key + SCALE for key in narrow}
    for key in sorted(needed - stored.keys()):
        by = "the configuration" if key in expected else f"int8 {key.removesuffix(SCALE)!r}"
        raise ValueError(f"{where}: tensor {key!r} is missing; {by} needs it")
    for key in sorted(stored.keys() - needed):
        raise ValueError(f"{where}: tensor {key!r} is unknown to the configuration")
    for key, tensor in expected.items():
        part = stored[key]
        if part.shape != tuple(tensor.shape):
            raise ValueError(
                f"{where}: tensor {key!r} has shape {part.shape}; the configuration needs {tuple(tensor.shape)}"
            )
        if key in narrow:
            scale = stored[key + SCALE]
            if scale != TensorInfo("F32", (len(tensor),)):
                raise ValueError(
                    f"{where}: tensor {key + SCALE!r} has type {scale.dtype} and shape {scale.shape}; "
                    f"int8 {key!r} needs F32 and ({len(tensor)},), one number a row"
                )
            continue
        kind = "float" if tensor.dtype.is_floating_point else tensor.dtype
        if _KINDS.get(part.dtype) != kind:
            raise ValueError(f"{where}: tensor {key!r} has type {part.dtype}; the configuration needs {tensor.dtype}")


def load_weights(model: nn.Module, path: Path, owner: str | None = None) -> None:
    """Fill a model that was built on the meta device from a safetensors file of `owner` (default: its folder).

    Floating-point tensors of another precision, and int8 as `save_weights` stores it, are converted to the model's
    types. Raises ValueError, which names the tensor, for one that is missing, unknown, of wrong shape or type, NaN or
    infinite, and for a damaged file; the model is then left unchanged.
    """
    owner = path.parent.name if owner is None else owner
    if not path.is_file():
        raise ValueError(f"{owner}: there is no {path.name}")
    expected = model.state_dict()
    check_header(f"{path.name} of {owner}", weights_header(path, owner), expected)
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: _read(file, key).to(expected[key].dtype) for key in expected}
    except SafetensorError as error:
        raise weights_error(path, owner, error) from None
    for key, tensor in state.items():
        if tensor.is_floating_point() and tensor.numel() and not torch.stack(tensor.aminmax()).isfinite().all():
            raise ValueError(f"{path.name} of {owner}: tensor {key!r} holds NaN or infinity")
    model.load_state_dict(state, strict=True, assign=True)


def _read(file: Any, key: str) -> Tensor:
    tensor: Tensor = file.get_tensor(key)
    if tensor.dtype != torch.int8:
        return tensor
    return tensor.float().mul_(_along_rows(file.get_tensor(key + SCALE), tensor))


def save_weights(model: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write a model's state; matrices and larger tensors as `dtype`, other tensors mostly unchanged.

    torch.int8 stores whole numbers from -127 to 127 and, as KEY.scale, one float32 factor a row (first dimension): the
    row's largest magnitude over 127. Rows are output channels, and input channels for transposed convolutions, whose
    three outputs at the end would lose more. Two kinds of tensor are stored as float16 instead: matrices with rows of
    fewer than four numbers, which would grow, and vectors of `_LONG_VECTOR` numbers or more, such as a large codebook's
    counts.
    """
    state = {}
    narrow = torch.float16 if dtype == torch.int8 else dtype
    for key, value in model.state_dict().items():
        tensor = value.detach().cpu()
        if not is_matrix(tensor):
            long = tensor.is_floating_point() and tensor.numel() >= _LONG_VECTOR
            state[key] = (tensor.to(narrow) if long else tensor).contiguous()
        elif dtype == torch.int8 and tensor[0].numel() >= 4:
            state[key], state[key + SCALE] = _to_int8(tensor.float())
        else:
            state[key] = tensor.to(narrow).contiguous()
    with atomic_write(path) as partial:  # a model loaded from this file may still read it
        save_file(state, partial, metadata={"format": "pt"})


def _to_int8(tensor: Tensor) -> tuple[Tensor, Tensor]:
    scale = tensor.flatten(1).abs().amax(1) / 127
    # A row of zeros would give NaN, whose conversion to int8 differs between machines.
    divisor = torch.where(scale > 0, scale, torch.inf)
    return (tensor / _along_rows(divisor, tensor)).round().to(torch.int8).contiguous(), scale


def _along_rows(scale: Tensor, tensor: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (tensor.ndim - 1))
