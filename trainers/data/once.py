"""Work that one process does for all."""

from collections.abc import Callable

import torch
from torch import Tensor, distributed


def once(read: Callable[[], list[Tensor]], device: torch.device) -> list[Tensor]:
    """What `read` gives, on the device. Of several processes only the first reads, and sends it to the others.

    A ValueError or OSError of `read` is raised in all of them.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return [tensor.to(device) for tensor in read()]
    first = distributed.get_rank() == 0
    tensors: list[Tensor] = []
    said: list = [None]
    if first:
        try:
            tensors = [tensor.to(device) for tensor in read()]
            said = [[(tensor.shape, tensor.dtype) for tensor in tensors]]
        except (ValueError, OSError) as error:
            said = [error]
    distributed.broadcast_object_list(said, src=0)
    if isinstance(said[0], Exception):
        raise said[0]
    if not first:
        tensors = [torch.empty(shape, dtype=dtype, device=device) for shape, dtype in said[0]]
    for tensor in tensors:
        distributed.broadcast(tensor, src=0)
    return tensors
