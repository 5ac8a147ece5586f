"""A limit on construction: a few bytes of configuration can ask for a network of thousands of layers."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

MAX_PARAMETERS = 2**31

_FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.full, torch.eye, torch.rand, torch.randn, torch.tensor}


class Budget(TorchFunctionMode):
    """Context manager that limits how many tensors and numbers torch creates on this thread.

    `num_tensors` is how many tensors the finished network has; construction creates temporary ones as well, so about
    twice as many are allowed. Raises ValueError beyond that, or beyond `MAX_PARAMETERS` numbers in all.
    """

    def __init__(self, num_tensors: int):
        super().__init__()
        self._stored = num_tensors
        self._tensors = 2 * num_tensors + 64
        self._numbers = MAX_PARAMETERS

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _FACTORIES:
            self._tensors -= 1
            self._numbers -= result.numel()
            if self._numbers < 0:
                raise ValueError(f"the configuration asks for more than {MAX_PARAMETERS:,} parameters")
            if self._tensors < 0:
                raise ValueError(
                    f"the configuration asks for more layers than the {self._stored:,} stored tensors fill"
                )
        return result
