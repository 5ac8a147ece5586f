"""Tokens of a data set by a tokenizer, as `vqzoo tokenize` writes them."""

from pathlib import Path

from trainers.data.rows import ImageRows
from trainers.data.source import Source as DataSource
from vqzoo.files.storage import cards_folder
from vqzoo.hub.registry import load
from vqzoo.ops.device import best_device
from vqzoo.tokens.manifest import Source, manifest_of
from vqzoo.tokens.progress import Progress
from vqzoo.tokens.run import begin, finish, tokenize, unfinished
from vqzoo.tokens.shard import Encoder
from vqzoo.tokens.store import Store

_BATCH = 256


def tokenize_dataset(tokenizer: str, dataset: str, side: int, folder: Path) -> None:
    """Write both splits of a data set as a token set; files that are there stay."""
    model = load(tokenizer).to(best_device())
    pictures = ImageRows(dataset, DataSource(splits="train,test"), side, model.autoencoder.channels)
    encoder, store = Encoder(model, pictures, _BATCH), Store(str(folder.resolve()))
    manifest = manifest_of(model, Source.of(tokenizer, cards_folder() / tokenizer, None), pictures, _BATCH)
    begin(store, manifest)
    todo = unfinished(store, pictures.units)
    if todo:
        with Progress(pictures.units, todo, quiet=False) as progress:
            tokenize(encoder, store, pictures.units, progress)
    finish(store, manifest, pictures.units)
