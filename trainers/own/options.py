"""What somebody wants of a tokenizer for their own images: the command line of `vqzoo train`, without slow imports."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from trainers.data.loading import Fit, Loading
from trainers.data.source import Source

OWN_BAD_SHARE = 0.1


@dataclass(frozen=True)
class TrainOptions:
    """Train a tokenizer on your own images: divide them, choose the settings, train, measure, write the model card."""

    data: Positional[Annotated[str, arg(metavar="FOLDER|DATASET")]]
    """A folder of pictures, flat, nested or by class; parquet or webdataset files; or a data set of the Hub."""
    bits: int = 2560
    """True bits an image may take; the settings chosen come as near as they can."""
    minutes: float = 20.0
    """Time that everything may take; the number of steps follows from the pace of the first few."""
    steps: int = 0
    """Number of training steps in place of --minutes, for the very same training again; 0: what the minutes allow."""
    like: Annotated[str, arg(metavar="RECIPE|MODEL")] = ""
    """Take the settings of a recipe, or the network and quantizer of a model, in place of chosen ones."""
    start_from: Annotated[str, arg(metavar="MODEL")] = ""
    """Fine-tune a model: a name, a folder or a Hub id; its settings are taken, too, unless --like says others."""
    freeze: tuple[Literal["encoder", "quantizer", "decoder"], ...] = ()
    """Parts of the model of --start-from that stay as they are; with encoder and quantizer no token changes."""
    set: Annotated[tuple[str, ...], arg(metavar="FIELD=VALUE ...")] = ()
    """Fields of the recipe in place of the chosen ones, as quantizer.revival=restart learning-rate=0.01."""
    name: str = ""
    """Name of the model; without it DATASET-METHOD-SIZE."""
    license: str = ""
    """Licence that the model card states, as apache-2.0; without it none."""
    fit: Fit = "crop"
    """Of an image that is no square take the centre, put black beside it (pad), or change its proportions (squash)."""
    config: str = ""
    """Configuration of a data set that has several."""
    column: str = ""
    """Column of images; without it the one called image or img, else the only one."""
    splits: str = ""
    """train=NAME,test=NAME with the data set's names, held_out=NAME besides; or divide: by the images' content."""
    resume: bool = False
    """Go on with the run of this name where it was left."""
    runs: Annotated[Path, arg(metavar="FOLDER")] = Path("runs")
    """Folder of run folders: checkpoints, metrics.jsonl, sample grids."""
    cards: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Folder that gets the finished model; without it the one that `vqzoo list` and the app look into."""
    loading: Loading = "auto"
    """Where images wait: decoded in memory, or on the disk; auto: in memory where they take at most 4 GiB."""
    workers: int = 2
    """Processes that decode images, where they are not in memory; 0: this one."""
    bad_images: float = OWN_BAD_SHARE
    """Share of the images that may be unreadable; these are named and left out."""
    seed: int = 42
    """Of everything that is drawn at random."""

    @property
    def source(self) -> Source:
        """Return where the images are, and which are meant."""
        return Source(self.data, self.config, self.column, self.splits)

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON has it."""
        return json.loads(json.dumps(asdict(self), default=str))

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Wishes":
        """Return the wishes that `to_dict` was called on."""
        paths = {name: None if fields[name] is None else Path(fields[name]) for name in ("runs", "cards")}
        return cls(**fields | paths | {name: tuple(fields[name]) for name in ("freeze", "set")})
