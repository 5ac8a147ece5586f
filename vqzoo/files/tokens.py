"""Indices of a batch of images, in memory and as a safetensors file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vqzoo.files.storage import atomic_write
from vqzoo.ops.text import brief

_FORMAT = "vqzoo tokens 1"
_UNSIGNED = {torch.uint8: 2**8, torch.uint16: 2**16, torch.uint32: 2**32}


@dataclass(frozen=True)
class Tokens:
    """Indices of a batch of images: all that `decode` needs.

    grids: one (b, h, w, q) int64 grid of indices per level.
    size: height and width of the images in pixels, to which `decode` crops.

    `len(tokens)` is the number of images; `tokens[3]`, `tokens[2:5]` and `tokens[[0, 7]]` are tokens of some of them.
    """

    grids: tuple[Tensor, ...]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.grids[0])

    def __getitem__(self, images: int | slice | Sequence[int] | Tensor) -> "Tokens":
        if isinstance(images, int):
            images = [range(len(self))[images]]  # an IndexError outside, which ends an iteration
        return Tokens(tuple(grid[images] for grid in self.grids), self.size)

    def to(self, device: str | torch.device) -> "Tokens":
        """Return the tokens on a device."""
        return Tokens(tuple(grid.to(device) for grid in self.grids), self.size)

    @staticmethod
    def cat(parts: Sequence["Tokens"]) -> "Tokens":
        """Return the images of several batches as one; ValueError unless sizes and grids are alike."""
        if not parts:
            raise ValueError("tokens: nothing to concatenate; expected at least one")
        kinds = {(part.size, tuple(tuple(grid.shape[1:]) for grid in part.grids)) for part in parts}
        if len(kinds) > 1:
            shown = " and ".join(f"{kind[0]} with grids {list(kind[1])}" for kind in sorted(kinds)[:2])
            raise ValueError(f"tokens of images of different sizes: {shown}; expected one size")
        columns = zip(*(part.grids for part in parts), strict=True)
        return Tokens(tuple(torch.cat(grids) for grids in columns), parts[0].size)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file, whole at any moment, with the narrowest unsigned type that holds each grid."""
        state = {f"grid.{number}": _narrowed(grid) for number, grid in enumerate(self.grids)}
        height, width = self.size
        with atomic_write(Path(path)) as partial:
            save_file(state, partial, {"format": _FORMAT, "height": str(height), "width": str(width)})

    @classmethod
    def load(cls, path: str | Path) -> "Tokens":
        """Return what `save` wrote, on the CPU; a ValueError says what is wrong with any other file."""
        if not Path(path).is_file():
            raise ValueError(f"{path}: there is no such file; expected one that Tokens.save wrote")
        try:
            with safe_open(path, framework="pt") as file:
                names = [f"grid.{number}" for number in range(len(file.keys()))]
                if not names or set(names) != set(file.keys()):
                    raise ValueError(f"tensors {sorted(file.keys())[:4]}; expected grid.0, grid.1, ...")
                return cls(_grids([file.get_tensor(name) for name in names]), _size(file.metadata() or {}))
        except (SafetensorError, ValueError) as error:
            raise ValueError(f"{path} is no file of tokens: {brief(error, 200)}") from None


def _narrowed(grid: Tensor) -> Tensor:
    least, most = (int(end) for end in grid.aminmax()) if grid.numel() else (0, 0)
    dtype = next((dtype for dtype, number in _UNSIGNED.items() if most < number), None)
    if dtype is None or least < 0:
        raise ValueError(f"tokens: indices from {least} to {most}; expected whole numbers from 0 to 4294967295")
    return grid.cpu().to(dtype).contiguous()


def _grids(grids: Sequence[Tensor]) -> tuple[Tensor, ...]:
    for grid in grids:
        if grid.ndim != 4 or grid.dtype not in _UNSIGNED or len(grid) != len(grids[0]):
            raise ValueError(
                f"a grid of shape {tuple(grid.shape)} and type {grid.dtype}; expected (images, height, width, columns) "
                "of unsigned whole numbers, for one number of images"
            )
    return tuple(grid.long() for grid in grids)


def _size(metadata: dict[str, Any]) -> tuple[int, int]:
    if metadata.get("format") != _FORMAT:
        raise ValueError(f"its format is {metadata.get('format')!r}; this version of vqzoo reads {_FORMAT!r}")
    sides = [metadata.get(side, "") for side in ("height", "width")]
    if not all(side.isascii() and side.isdigit() and len(side) < 7 and int(side) for side in sides):
        raise ValueError(f"a height of {sides[0]!r} and a width of {sides[1]!r}; expected pixels")
    return int(sides[0]), int(sides[1])
