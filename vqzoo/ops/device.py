"""The device of this machine, and checks of a device and of a floating-point type."""

import torch

from vqzoo.ops.text import brief

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def check_dtype(dtype: object) -> torch.dtype:
    """Return `dtype` if a network can compute in it; raise ValueError otherwise."""
    if not isinstance(dtype, torch.dtype) or dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r}: expected one of {', '.join(map(str, DTYPES))}")
    return dtype


def check_device(device: str | int | torch.device) -> torch.device:
    """Return `device` if torch can use it on this machine; raise ValueError with torch's reason otherwise."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        why = brief(error, 160).rstrip(".")
        raise ValueError(f"device={device!r}: torch cannot use it here ({why}); 'cpu' always works") from None


def best_device() -> torch.device:
    """Return the GPU, or the CPU without one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
