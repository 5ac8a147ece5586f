"""Arguments of each command; this module imports nothing slow, so that help and usage errors come at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from tyro.conf import Positional, arg, subcommand

from trainers.data.loading import Fit
from trainers.own.options import TrainOptions


class UsageError(ValueError):
    """A wrong command line that only the command itself can recognise."""


@dataclass(frozen=True)
class List:
    """List the models, ordered by data set and true bits."""

    module: ClassVar[str] = "models"

    quantizer: str | None = None
    """Only models of this quantizer."""
    dataset: str | None = None
    """Only models trained on this data set."""
    max_bits: float | None = None
    """Only models that need at most this many true bits for an image of their test split."""
    max_megabytes: float | None = None
    """Only models whose weights have at most this many megabytes."""
    author: str | None = None
    """Only models that this user or organisation published; asks the Hub as well."""
    live: bool = False
    """Ask the Hub as well, not only this machine."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Info:
    """Show what a model is, its measurements, its training and its files; or what a .vqz file holds."""

    module: ClassVar[str] = "models"

    source: Positional[Annotated[str, arg(metavar="SOURCE")]]
    """A name that `vqzoo list` shows, a folder, a published model's "owner/name", or a .vqz file."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class LoadCheck:
    """Load a model and test it on an image: do its files agree, and does decoding invert encoding?"""

    module: ClassVar[str] = "load_check"

    source: Positional[Annotated[str, arg(metavar="SOURCE")]]
    """A name, a folder, or a Hub id "owner/name[@revision]"."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Reconstruct:
    """Reconstruct photographs with models: a PNG of each, and results.csv with quality, true bits and times."""

    module: ClassVar[str] = "reconstruct"

    images: Positional[Annotated[tuple[Path, ...], arg(metavar="IMAGE|FOLDER [...]", help_behavior_hint="")]]
    """PNG, JPEG, WebP, AVIF, GIF, BMP, TIFF, HEIC, PPM or JPEG 2000 files, folders of them, or patterns as "*.jpg"."""
    models: Annotated[str, arg(metavar="NAME[,NAME ...]")]
    """Names, folders or Hub ids, with commas between them."""
    output: Annotated[Path, arg(metavar="FOLDER")] = Path("reconstructions")
    """Where the PNGs and results.csv go."""
    codecs: bool = False
    """Also write the models' .vqz files, and compress with JPEG, WebP and AVIF to their bytes."""
    position: Annotated[bool, arg(help_behavior_hint="")] = True
    """Leave the models' positional encodings out."""
    max_side: int = 1024
    """Shrink larger photographs to this many pixels on the longer side."""
    overwrite: bool = False
    """Replace files that exist."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Compress:
    """Write a photograph's tokens, entropy-coded, as a .vqz file."""

    module: ClassVar[str] = "compress"

    photo: Positional[Annotated[Path, arg(metavar="PHOTO")]]
    """An image file, as `vqzoo reconstruct` takes them."""
    model: Annotated[str, arg(metavar="NAME|FOLDER")]
    """The tokenizer: a name that `vqzoo list` shows, a folder, or a Hub id."""
    out: Annotated[Path | None, arg(metavar="FILE", aliases=["-o"])] = None
    """The file to write; by default beside the photograph, with the suffix .vqz."""
    levels: int | None = None
    """Write only so many levels of a residual tokenizer, coarse to fine."""
    max_side: int = 8192
    """Shrink a larger photograph to this many pixels on the longer side."""
    overwrite: bool = False
    """Replace a file that exists."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Decompress:
    """Read a .vqz file and write the picture as a PNG."""

    module: ClassVar[str] = "compress"

    file: Positional[Annotated[Path, arg(metavar="FILE.vqz")]]
    """A file that `vqzoo compress` wrote."""
    out: Annotated[Path | None, arg(metavar="FILE", aliases=["-o"])] = None
    """The PNG to write; by default beside the file."""
    model: Annotated[str | None, arg(metavar="NAME|FOLDER")] = None
    """Where its tokenizer is; by default the model of the name in the file. Weights have to be the same."""
    overwrite: bool = False
    """Replace a file that exists."""


@dataclass(frozen=True)
class Evaluate:
    """Measure a model on any images; on its own test split, compare with its metrics.json."""

    module: ClassVar[str] = "evaluate"

    source: Positional[Annotated[str, arg(metavar="NAME|FOLDER")]]
    """A name that `vqzoo list` shows, a folder, or a Hub id."""
    data: Annotated[str | None, arg(metavar="FOLDER|DATASET")] = None
    """Images to measure on: the test split of a data set, or all of a folder without splits. By default, and for the
    data set that the model's card names, the new figures are compared with the card's."""
    config: str = ""
    """Configuration, for a data set that has several."""
    column: str = ""
    """Column of images; by default the one called image or img, else the only one."""
    splits: str = ""
    """Names of the data set's splits, as train=NAME,test=NAME."""
    max_side: int = 1024
    """Shrink images with a longer side to this many pixels."""
    write_card: Annotated[bool, arg(help_behavior_hint="")] = False
    """Write the figures into the folder of a model without a card, such as a converted one."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Doctor:
    """Diagnose a model or a training run by measured causes, and say what to try."""

    module: ClassVar[str] = "doctor"

    source: Positional[Annotated[str, arg(metavar="RUN|MODEL")]]
    """A run folder, a name that `vqzoo list` shows, a folder, or a Hub id."""
    data: Annotated[str | None, arg(metavar="FOLDER|DATASET")] = None
    """Images to measure on; by default those held out of a run, or the test split that the model's card names."""
    config: str = ""
    """Configuration, for a data set that has several."""
    column: str = ""
    """Column of images; by default the one called image or img, else the only one."""
    splits: str = ""
    """Names of the data set's splits, as train=NAME,test=NAME."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Train(TrainOptions):
    """Train a tokenizer on your own images: divide them, choose the settings, train, measure, write the model card."""

    module: ClassVar[str] = "train"


@dataclass(frozen=True)
class Publish:
    """Publish a model's folder on the Hub as one commit; without --yes only show what would change."""

    module: ClassVar[str] = "publish"

    folder: Positional[Annotated[str, arg(metavar="NAME|FOLDER")]]
    """A name that `vqzoo list` shows, or a folder laid out as in model_cards/."""
    to: Annotated[str | None, arg(metavar="OWNER/NAME")] = None
    """The repository, created if needed; by default the folder's name under your own account."""
    private: bool = False
    """Make a new repository private."""
    collection: Annotated[str | None, arg(metavar="TITLE")] = None
    """Also add it to the collection of this title, created if needed."""
    tag: str | None = None
    """Also tag the commit."""
    yes: bool = False
    """Publish."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Convert:
    """Convert another project's tokenizer to a folder that vqzoo loads; docs/foreign.md lists the projects."""

    module: ClassVar[str] = "convert"

    source: Positional[Annotated[Path, arg(metavar="SOURCE")]]
    """A checkpoint file, or a folder with config.json and weights."""
    folder: Positional[Annotated[Path, arg(metavar="FOLDER")]]
    """The folder to create."""
    family: str | None = None
    """taming, diffusers, llamagen, magvit2 or ibq; by default recognised by the keys."""
    resolution: int = 256
    """Side in pixels of the images it was trained on, which no file states."""


@dataclass(frozen=True)
class Tokenize:
    """Tokenize a data set into Parquet files; the same command goes on where it was stopped."""

    module: ClassVar[str] = "tokenize"

    data: Positional[Annotated[str, arg(metavar="FOLDER|DATASET")]]
    """A folder of pictures, flat, nested or by class; parquet or webdataset files; or a data set of the Hub."""
    model: Annotated[str, arg(metavar="NAME|FOLDER")]
    """The tokenizer: a name that `vqzoo list` shows, a folder, or a Hub id."""
    out: Annotated[str, arg(metavar="FOLDER|URL")]
    """Where the token set goes: a folder, or what fsspec can write, such as s3://bucket/folder."""
    views: str = "whole"
    """Rows of each image, with commas between them: whole, flip (mirrored), crop (a random part; several differ)."""
    side: int | None = None
    """Height and width of the images in pixels; by default the model's resolution; 0: each image at its own size."""
    fit: Fit = "crop"
    """How an image becomes square: cut its centre out (crop), add black borders (pad), change its shape (squash)."""
    config: str = ""
    """Configuration, for a data set that has several."""
    column: str = ""
    """Column of images; by default the one called image or img, else the only one."""
    splits: str = ""
    """Names of the splits to tokenize, with commas between them; by default all."""
    stream: bool = False
    """Store nothing of a data set but its tokens; work is divided by its files."""
    images_per_file: int = 8192
    """Images of a Parquet file, the unit of work; a stream has one for each of its own files."""
    batch_size: int = 256
    """Images that are encoded together."""
    device: str = ""
    """Where to compute, such as cpu or cuda:1; by default a GPU if there is one."""
    engine: Literal["local", "ray"] = "local"
    """This process alone, or the actors of Ray on this machine or a cluster; ray needs the extra ray."""
    actors: int = 0
    """Actors of Ray; 0: one for each GPU, or for each core where there is none."""
    shard: Annotated[str, arg(metavar="i/N")] = ""
    """The part of this worker, i from 0 to N - 1; by default as Slurm, accelerate or torchrun say."""
    seed: int = 42
    """Seed of random crops."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Detokenize:
    """Decode a token set back to pictures."""

    module: ClassVar[str] = "detokenize"

    tokens: Positional[Annotated[Path, arg(metavar="TOKENS")]]
    """A folder that `vqzoo tokenize` wrote."""
    out: Positional[Annotated[Path, arg(metavar="FOLDER")]]
    """The folder for the PNGs, a subfolder for each split."""
    model: Annotated[str, arg(metavar="NAME|FOLDER")] = ""
    """The tokenizer, if it is not to be found under the name that the manifest has; its weights have to be the same."""
    splits: str = ""
    """Names of splits, with commas between them; by default all."""
    rows: Annotated[str, arg(metavar="FIRST:END")] = ":"
    """Rows of each split, as 0:100; by default all."""
    batch_size: int = 64
    """Images that are decoded together."""
    device: str = ""
    """Where to compute; by default a GPU if there is one."""


@dataclass(frozen=True)
class Export:
    """Write a token set in another format, or such a copy as Parquet again; nothing is lost."""

    module: ClassVar[str] = "export"

    tokens: Positional[Annotated[Path, arg(metavar="TOKENS")]]
    """A folder that `vqzoo tokenize` or `vqzoo export` wrote."""
    out: Positional[Annotated[Path, arg(metavar="FOLDER")]]
    """The folder to create."""
    to: Literal["npy", "webdataset", "mds", "parquet"]
    """Arrays of NumPy, tar files of webdataset, shards of mosaicml-streaming, or Parquet."""


@dataclass(frozen=True)
class Sample:
    """Draw images with a prior, and save them as one PNG."""

    module: ClassVar[str] = "sample"

    prior: Positional[Annotated[str, arg(metavar="NAME|FOLDER")]]
    """A prior: a name in the folder of models, a folder, or a Hub id."""
    n: int = 64
    """Number of images."""
    label: str | None = None
    """Class of the images, for a prior that knows classes; by default any."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="FILE")] = Path("samples.png")
    """The PNG to write, a grid of all images."""
    temperature: float = 1.0
    """Divides the logits: below 1 samples are more typical, at 0 the likeliest token is taken."""
    top_k: int = 0
    """Draw among this many of the likeliest tokens only; 0: all."""
    top_p: float = 1.0
    """Draw among the likeliest tokens that together have this probability."""
    guidance: float = 1.0
    """Strength of classifier-free guidance; 1: none."""
    seed: int = 0
    """Seed of the random numbers; on a CPU the same images come of it every time."""
    device: str = ""
    """Where to compute; by default a GPU if there is one."""


@dataclass(frozen=True)
class App:
    """Start the app, which compares models on a photograph in the browser."""

    module: ClassVar[str] = "app"

    host: str | None = None
    """Address to listen on; by default $GRADIO_SERVER_NAME, else this machine alone. Visitors from other machines get
    the limits of a Space."""
    port: int | None = None
    """Port to listen on; by default $GRADIO_SERVER_PORT, else the first free one from 7860."""
    desktop: bool = False
    """Open a window, which needs pywebview: pip install 'vqzoo[desktop]'; closing it ends the app."""


Command = (
    Annotated[List, subcommand("list")]
    | Annotated[Info, subcommand("info")]
    | Annotated[LoadCheck, subcommand("load-check")]
    | Annotated[Reconstruct, subcommand("reconstruct")]
    | Annotated[Compress, subcommand("compress")]
    | Annotated[Decompress, subcommand("decompress")]
    | Annotated[Evaluate, subcommand("evaluate")]
    | Annotated[Doctor, subcommand("doctor")]
    | Annotated[Train, subcommand("train")]
    | Annotated[Publish, subcommand("publish")]
    | Annotated[Convert, subcommand("convert")]
    | Annotated[Tokenize, subcommand("tokenize")]
    | Annotated[Detokenize, subcommand("detokenize")]
    | Annotated[Export, subcommand("export")]
    | Annotated[Sample, subcommand("sample")]
    | Annotated[App, subcommand("app")]
)
"""One of the commands; `module` names the file here whose `run` executes it and returns the exit code."""
