"""Read on the first process, and broadcast to the others."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed


def read_and_broadcast(read: Callable[[], list[Tensor]], device: torch.device) -> list[Tensor]:
    """Return the tensors of `read`, on the device; of several processes only the first one calls `read`.

    A ValueError or OSError that `read` raises is raised in all processes.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return [tensor.to(device) for tensor in read()]
    first = distributed.get_rank() == 0
    tensors: list[Tensor] = []
    message: list[Any] = [None]
    if first:
        try:
            tensors = [tensor.to(device) for tensor in read()]
            message = [[(tensor.shape, tensor.dtype) for tensor in tensors]]
        except (ValueError, OSError) as error:
            message = [error]
    distributed.broadcast_object_list(message, src=0)
    if isinstance(message[0], Exception):
        raise message[0]
    if not first:
        tensors = [torch.empty(shape, dtype=dtype, device=device) for shape, dtype in message[0]]
    for tensor in tensors:
        distributed.broadcast(tensor, src=0)
    return tensors
