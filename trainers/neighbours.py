"""Write model_cards/<name>/neighbours.safetensors: what the neighbours of a symbol tell, for smaller .vqz files.

    python -m trainers.neighbours [NAME ...]

Without names, of every model with few symbols and layers, so that tables are small. They are learnt on the train split
of the model's own data set, by cross-entropy, and rounded to whole numbers.
"""

import math
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.data.memory import filled
from trainers.data.pictures import Form, Tally
from trainers.data.sets import open_splits
from vqzoo.analysis.measurements import batches
from vqzoo.files.storage import NEIGHBOURS, WEIGHTS, sha256
from vqzoo.hub.registry import Model, list_models, load
from vqzoo.ops.pixels import from_bytes
from vqzoo.tokenizer import Tokenizer
from vqzoo.tokens.layers import Layer, layers
from vqzoo.tokens.neighbours import SCALE, Table, around_sizes, contexts, write

SEED = 0
SYMBOLS = 2**18
"""Of a layer, at most so many symbols are learnt from."""
MOST_SYMBOLS, MOST_LAYERS = 2**13, 16
"""Alphabets of all layers together, and layers, of models whose tables are made without being asked for."""
_STEPS, _BATCH, _RATE = 400, 1024, 0.03


def make(model: Model) -> int:
    """Write the tables of a model and return their size in bytes."""
    assert model.source is not None
    torch.manual_seed(SEED)
    tokenizer = load(model)
    side = model.metrics["training"]["recipe"]["resolution"]  # of the images it was measured on
    parts = layers(tokenizer, (side, side))
    images = _grids(tokenizer, parts, _images(model, side, tokenizer.autoencoder.channels, parts))
    sizes = [part.size for part in parts]
    tables = [_learn(images, number, sizes, dim_of(sizes)) for number in range(len(sizes))]
    write(model.source / NEIGHBOURS, tables, sha256(model.source / WEIGHTS))
    return (model.source / NEIGHBOURS).stat().st_size


def dim_of(sizes: Sequence[int]) -> int:
    """Return the length of the vectors for layers with alphabets of these sizes: shorter if they are many numbers."""
    return 16 if sum(sizes) <= 1024 else 8


def is_small(tokenizer: Tokenizer) -> bool:
    """Return whether a model's tables are made without being asked for."""
    sizes = [part.size for part in layers(tokenizer, (tokenizer.resolution, tokenizer.resolution))]
    return len(sizes) <= MOST_LAYERS and sum(sizes) <= MOST_SYMBOLS


def _images(model: Model, side: int, channels: int, parts: Sequence[Layer]) -> Tensor:
    """Return the first images of the train split that have `SYMBOLS` symbols in the largest layer."""
    dataset = str(model.metrics["dataset"])
    rows = open_splits(dataset, ["train"])["train"]
    number = min(len(rows), SYMBOLS // max(part.positions.size for part in parts))
    return filled(rows, range(number), Form(side, channels), Tally(dataset, "train", number))


def _grids(tokenizer: Tokenizer, parts: Sequence[Layer], images: Tensor) -> list[list[np.ndarray]]:
    """Return the symbols (h, w) of each layer of each image."""
    result = []
    for batch in batches(images):
        grids = [grid.flatten(1).numpy() for grid in tokenizer.encode(from_bytes(batch)).grids]
        result += [[grids[part.grid][image][part.positions] for part in parts] for image in range(len(batch))]
    return result


def _learn(images: list[list[np.ndarray]], number: int, sizes: Sequence[int], dim: int) -> Table:
    height, width = images[0][number].shape
    at = tuple(each.ravel() for each in np.indices((height, width)))
    around = torch.from_numpy(np.concatenate([contexts(grids, number, sizes, at) for grids in images])).long()
    symbols = torch.from_numpy(np.concatenate([grids[number].ravel() for grids in images])).long()
    counts = torch.bincount(symbols, minlength=sizes[number]) + 0.5
    bias = nn.Parameter((counts / counts.sum()).log2())
    vectors = nn.Parameter(torch.randn(sizes[number], dim) / 10)
    neighbours = [nn.Parameter(torch.randn(size + 1, dim) / 10) for size in around_sizes(sizes, number)]
    optimizer = torch.optim.Adam([bias, vectors, *neighbours])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    for rows in _rows(len(symbols)):
        hidden = torch.stack([table[column] for table, column in zip(neighbours, around[rows].T, strict=True)]).sum(0)
        loss = F.cross_entropy((hidden @ vectors.T + bias) * math.log(2), symbols[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for table in (vectors, *neighbours):
                table.clamp_(-127 / SCALE, 127 / SCALE)
    return Table(_rounded(bias, 256, np.int16), _rounded(vectors, SCALE), tuple(_rounded(t, SCALE) for t in neighbours))


def _rows(number: int) -> Iterator[Tensor]:
    for _ in range(_STEPS):
        yield torch.randint(0, number, (_BATCH,))


def _rounded(values: Tensor, scale: int, dtype: type = np.int8) -> np.ndarray:
    limits = np.iinfo(dtype)
    return (values.detach() * scale).round().clamp(limits.min, limits.max).numpy().astype(dtype)


def main() -> None:
    """Write the tables of the models that the command line names."""
    for model in list_models():
        if model.name in sys.argv[1:] or (len(sys.argv) == 1 and is_small(load(model))):
            print(f"{model.name}: {make(model):,} bytes", flush=True)


if __name__ == "__main__":
    main()
