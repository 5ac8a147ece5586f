"""A bound on what is built: a few bytes of configuration can ask for a network of thousands of layers."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

MAX_PARAMETERS = 2**31

_MAKERS = {torch.empty, torch.zeros, torch.ones, torch.full, torch.eye, torch.rand, torch.randn, torch.tensor}


class Budget(TorchFunctionMode):
    """While it lasts, on this thread: about as many tensors as `num_tensors` are made, and no 2^31 numbers.

    Construction makes a few more than a network keeps: twice as many and some are free. Raises ValueError.
    """

    def __init__(self, num_tensors: int):
        super().__init__()
        self._said = num_tensors
        self._tensors = 2 * num_tensors + 64
        self._numbers = MAX_PARAMETERS

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func in _MAKERS:
            self._tensors -= 1
            self._numbers -= made.numel()
            if self._numbers < 0:
                raise ValueError(f"the configuration asks for more than {MAX_PARAMETERS:,} parameters")
            if self._tensors < 0:
                raise ValueError(f"the configuration asks for more layers than the {self._said:,} stored tensors fill")
        return made
