"""Weights on disk: safetensors only, the header checked against the model before anything is read or allocated."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vqzoo.files.header import Stored
from vqzoo.files.storage import damaged, header_of, written_beside

SCALE = ".scale"  # No tensor of a model ends so next to one without: a name is a tensor's or a module's, not both.
_MANY = 4096
_KINDS = {"F64": "float", "F32": "float", "F16": "float", "BF16": "float", "I64": torch.int64, "BOOL": torch.bool}


def is_matrix(tensor: Tensor) -> bool:
    """Whether a tensor may be stored as int8 with one scale a row."""
    return tensor.dtype.is_floating_point and tensor.ndim >= 2


def check_header(where: str, stored: dict[str, Stored], expected: dict[str, Tensor]) -> None:
    """ValueError naming the key unless a file's tensors are those of a model, in types that can become the model's."""
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
            if scale != Stored("F32", (len(tensor),)):
                raise ValueError(
                    f"{where}: tensor {key + SCALE!r} has type {scale.dtype} and shape {scale.shape}; "
                    f"int8 {key!r} needs F32 and ({len(tensor)},), one number a row"
                )
            continue
        kind = "float" if tensor.dtype.is_floating_point else tensor.dtype
        if _KINDS.get(part.dtype) != kind:
            raise ValueError(f"{where}: tensor {key!r} has type {part.dtype}; the configuration needs {tensor.dtype}")


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
        raise damaged(path, of, error) from None
    for key, tensor in state.items():
        if tensor.is_floating_point() and tensor.numel() and not torch.stack(tensor.aminmax()).isfinite().all():
            raise ValueError(f"{path.name} of {of}: tensor {key!r} holds NaN or infinity")
    model.load_state_dict(state, strict=True, assign=True)


def _read(file: Any, key: str) -> Tensor:
    tensor = file.get_tensor(key)
    if tensor.dtype != torch.int8:
        return tensor
    return tensor.float().mul_(_along_rows(file.get_tensor(key + SCALE), tensor))


def save_weights(model: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the state of a model; matrices and larger tensors as `dtype`, others mostly as they are.

    torch.int8 stores whole numbers from -127 to 127 and, as `<key>.scale`, one float32 a row (first dimension) to
    multiply them by: the row's largest magnitude over 127. The first dimension is that of the output channels, but for
    transposed convolutions that of the input: their last one, with three outputs, would lose more along these. Rows of
    fewer than four numbers, longer with their scale than without, become float16, and so do, where matrices are
    narrow, vectors of `_MANY` numbers or more: the counts of a large codebook would take more room than it does.
    """
    state = {}
    narrow = torch.float16 if dtype == torch.int8 else dtype
    for key, value in model.state_dict().items():
        tensor = value.detach().cpu()
        if not is_matrix(tensor):
            long = tensor.is_floating_point() and tensor.numel() >= _MANY
            state[key] = (tensor.to(narrow) if long else tensor).contiguous()
        elif dtype == torch.int8 and tensor[0].numel() >= 4:
            state[key], state[key + SCALE] = _to_int8(tensor.float())
        else:
            state[key] = tensor.to(narrow).contiguous()
    with written_beside(path) as partial:  # a model that was loaded from this file may still be reading it
        save_file(state, partial, metadata={"format": "pt"})


def _to_int8(tensor: Tensor) -> tuple[Tensor, Tensor]:
    scale = tensor.flatten(1).abs().amax(1) / 127
    # Of a row of zeros 0 / 0 would be no number, of which every machine makes another int8.
    divisor = torch.where(scale > 0, scale, torch.inf)
    return (tensor / _along_rows(divisor, tensor)).round().to(torch.int8).contiguous(), scale


def _along_rows(scale: Tensor, tensor: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (tensor.ndim - 1))
