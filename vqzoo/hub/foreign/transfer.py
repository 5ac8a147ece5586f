"""Transfer of a checkpoint's tensors to one of our tokenizers; each tensor is either used or known to be dropped."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vqzoo.hub.foreign.files import Checkpoint
from vqzoo.tokenizer import Tokenizer


class Transfer:
    """Copies tensors of a checkpoint into a tokenizer, which uses no memory until they fit.

    `autoencoder` and `quantizer` are its settings, without `dim`, which is the autoencoder's `latent_dim`.
    All methods raise ValueError with the key of a tensor that is missing, left over, or of another shape or type.
    """

    def __init__(self, checkpoint: Checkpoint, resolution: int, autoencoder: dict[str, Any], quantizer: dict[str, Any]):
        dim = {"dim": autoencoder["latent_dim"]}
        config = {
            "format": 1,
            "resolution": resolution,
            "autoencoder": autoencoder,
            "quantizer": quantizer | dim,
            "position": {"name": "none"} | dim,
        }
        with torch.device("meta"):
            self.tokenizer = Tokenizer.from_config(config)
        self.checkpoint = checkpoint
        self._expected = self.tokenizer.state_dict()
        self._state: dict[str, Tensor] = {}
        self._used: set[str] = set()
        self._room = checkpoint.size

    def copy(self, ours: str, *theirs: str, change: Callable[[Tensor], Tensor] | None = None) -> None:
        """Fill our tensor with the concatenation of theirs, which can lack trailing dimensions of size 1.

        `change` reorders the concatenation without changing its shape.
        """
        shape = tuple(self._expected[ours].shape)
        part = (shape[0] // len(theirs), *shape[1:])
        tensor = torch.cat([self._take(key, part) for key in theirs])  # a copy, so that no file stays mapped
        self._state[ours] = (change(tensor) if change else tensor).contiguous()

    def layer(
        self, ours: str, *theirs: str, bias: bool = True, change: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        """Run `copy` for weight and bias of a layer; without `bias` in theirs, ours is 0."""
        self.copy(f"{ours}.weight", *(f"{each}.weight" for each in theirs), change=change)
        if bias:
            self.copy(f"{ours}.bias", *(f"{each}.bias" for each in theirs), change=change)
        else:
            self._state[f"{ours}.bias"] = torch.zeros(self._expected[f"{ours}.bias"].shape)

    def finish(self, dropped: Sequence[str]) -> Tokenizer:
        """Return the filled tokenizer in evaluation mode; only keys that begin with one of `dropped` can be unused."""
        for key in self.checkpoint.tensors:
            if key not in self._used and not key.startswith(tuple(dropped)):
                raise ValueError(f"{self.checkpoint.name}: tensor {key!r} is unknown to this family")
        self.tokenizer.load_state_dict(self._state, strict=True, assign=True)
        return self.tokenizer.eval()

    def _take(self, key: str, shape: tuple[int, ...]) -> Tensor:
        tensor = tensor_of(self.checkpoint, key)
        squeezed = shape
        while len(squeezed) > 2 and squeezed[-1] == 1:
            squeezed = squeezed[:-1]
        if tuple(tensor.shape) not in (shape, squeezed) or not tensor.is_floating_point():
            raise ValueError(
                f"{self.checkpoint.name}: tensor {key!r} has shape {tuple(tensor.shape)} and type {tensor.dtype}; "
                f"expected floating point of shape {shape}"
            )
        self._room -= tensor.numel() * tensor.element_size()
        if self._room < 0:
            raise ValueError(f"{self.checkpoint.name}: tensor {key!r} claims more numbers than the file holds")
        self._used.add(key)
        return tensor.detach().to(torch.float32).reshape(shape)


def tensor_of(checkpoint: Checkpoint, key: str) -> Tensor:
    """Return the tensor of a key; ValueError if there is none."""
    if key not in checkpoint.tensors:
        raise ValueError(f"{checkpoint.name}: tensor {key!r} is missing")
    return checkpoint.tensors[key]


def length(checkpoint: Checkpoint, key: str, axis: int = 0) -> int:
    """Return the length of one axis of a tensor, from which a setting is read."""
    shape = tensor_of(checkpoint, key).shape
    if len(shape) <= axis:
        raise ValueError(f"{checkpoint.name}: tensor {key!r} has shape {tuple(shape)}; expected more axes")
    return shape[axis]


def scaled(widths: Sequence[int]) -> dict[str, Any]:
    """Return the settings "width" and "multipliers" for scales of these widths."""
    unit = math.gcd(*widths)
    return {"width": unit, "multipliers": [width // unit if unit else 0 for width in widths]}


def count(checkpoint: Checkpoint, key: Callable[[int], str]) -> int:
    """Count the keys key(0), key(1), ... up to the first one that is missing."""
    number = 0
    while key(number) in checkpoint.tensors:
        number += 1
    return number


def averaged(checkpoint: Checkpoint) -> Checkpoint:
    """Replace weights by their moving averages, which some families evaluate, where the file has them.

    The average of "a.b.weight" has the key "model_ema.abweight".
    """
    shadows = {key: f"model_ema.{key.replace('.', '')}" for key in checkpoint.tensors}
    tensors = {key: checkpoint.tensors.get(shadows[key], tensor) for key, tensor in checkpoint.tensors.items()}
    return Checkpoint(checkpoint.name, tensors, checkpoint.size, checkpoint.config)
