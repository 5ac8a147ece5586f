"""The command line of `vqzoo train`, without slow imports."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from trainers.data.loading import Fit, Loading
from trainers.data.source import Source

OWN_BAD_SHARE = 0.1


@dataclass(frozen=True)
class TrainOptions(Source):
    """Train a tokenizer on your own images: divide them, choose the settings, train, measure, write the model card."""

    data: Positional[Annotated[str, arg(metavar="FOLDER|DATASET")]] = field()
    """A folder of pictures, flat, nested or by class; parquet or webdataset files; or a data set of the Hub."""
    bits: int = 2560
    """True bits of an image; the chosen settings come as near to it as they can."""
    minutes: float = 20.0
    """Time for everything; the number of steps follows from the speed of the first few."""
    steps: int = 0
    """Number of training steps instead of --minutes, to repeat a training exactly; 0: as many as the minutes allow."""
    like: Annotated[str, arg(metavar="RECIPE|MODEL")] = ""
    """Take the settings of a recipe, or the network and quantizer of a model, in place of chosen ones."""
    start_from: Annotated[str, arg(metavar="MODEL")] = ""
    """Fine-tune a model: a name, a folder or a Hub id; also takes its settings, unless --like gives others."""
    freeze: tuple[Literal["encoder", "quantizer", "decoder"], ...] = ()
    """Parts of the model of --start-from that stay as they are; with encoder and quantizer no token changes."""
    set: Annotated[tuple[str, ...], arg(metavar="FIELD=VALUE ...")] = ()
    """Fields of the recipe to change, such as quantizer.revival=restart learning-rate=0.01."""
    name: str = ""
    """Name of the model; without it DATASET-METHOD-SIZE."""
    license: str = ""
    """Licence to state in the model card, such as apache-2.0; without it none."""
    fit: Fit = "crop"
    """How an image becomes square: cut its centre out (crop), add black borders (pad), change its shape (squash)."""
    resume: bool = False
    """Resume the run of this name."""
    runs: Annotated[Path, arg(metavar="FOLDER")] = Path("runs")
    """Folder of run folders: checkpoints, metrics.jsonl, sample grids."""
    cards: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Folder for the finished model; without it the one that `vqzoo list` and the app read."""
    loading: Loading = "auto"
    """Keep images decoded in memory, or decode them from the disk; auto: memory if they take at most 4 GiB."""
    workers: int = 2
    """Processes that decode images which are not in memory; 0: the training process."""
    bad_images: float = OWN_BAD_SHARE
    """Largest share of unreadable images; they are named and left out."""
    seed: int = 42
    """Seed of all random numbers."""

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON stores it."""
        fields: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "TrainOptions":
        """Return the options that `to_dict` was called on."""
        paths = {name: None if fields[name] is None else Path(fields[name]) for name in ("runs", "cards")}
        return cls(**fields | paths | {name: tuple(fields[name]) for name in ("freeze", "set")})
