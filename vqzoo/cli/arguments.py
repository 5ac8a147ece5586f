"""What each command takes. Nothing is imported here that is slow: help and usage errors come at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from tyro.conf import Positional, arg, subcommand

from trainers.own.options import TrainOptions


class Usage(ValueError):
    """A command line that is wrong in what only its command can tell."""


@dataclass(frozen=True)
class List:
    """The models there are, by data set and true bits."""

    home: ClassVar[str] = "models"

    quantizer: str | None = None
    """Only models of this quantizer."""
    dataset: str | None = None
    """Only models trained on this data set."""
    max_bits: float | None = None
    """Only models that need at most so many true bits for an image of their test split."""
    max_megabytes: float | None = None
    """Only models whose weights take at most so many megabytes."""
    author: str | None = None
    """Only models that this user or organisation published; asks the Hub, too."""
    live: bool = False
    """Ask the Hub now, besides what is on this machine."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Info:
    """What one model is, what it was measured to, how long it was trained, and its files."""

    home: ClassVar[str] = "models"

    source: Positional[Annotated[str, arg(metavar="SOURCE")]]
    """A name that `vqzoo list` shows, a folder, or a published model's "owner/name"."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class LoadCheck:
    """Load a model and try it on an image: do its files agree, and does decoding undo encoding?"""

    home: ClassVar[str] = "load_check"

    source: Positional[Annotated[str, arg(metavar="SOURCE")]]
    """A name, a folder, or a Hub id "owner/name[@revision]"."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Reconstruct:
    """Photographs through models: a PNG of each, and results.csv with quality, true bits and times."""

    home: ClassVar[str] = "reconstruct"

    images: Positional[Annotated[tuple[Path, ...], arg(metavar="IMAGE|FOLDER [...]", help_behavior_hint="")]]
    """PNG, JPEG, WebP, AVIF, GIF, BMP, TIFF, HEIC, PPM or JPEG 2000 files, folders of them, or patterns as "*.jpg"."""
    models: Annotated[str, arg(metavar="NAME[,NAME ...]")]
    """Names, folders or Hub ids, with commas between them."""
    output: Annotated[Path, arg(metavar="FOLDER")] = Path("reconstructions")
    """Where the PNGs and results.csv go."""
    codecs: bool = False
    """Also what JPEG, WebP and AVIF make of the models' bits."""
    position: Annotated[bool, arg(help_behavior_hint="")] = True
    """Leave the models' positional encodings out."""
    max_side: int = 1024
    """Larger photographs are shrunk to so many pixels a side."""
    overwrite: bool = False
    """Replace files that exist."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Evaluate:
    """Measure a model on any images; on its own test split compare with its metrics.json."""

    home: ClassVar[str] = "evaluate"

    source: Positional[Annotated[str, arg(metavar="NAME|FOLDER")]]
    """A name that `vqzoo list` shows, a folder, or a Hub id."""
    data: Annotated[str | None, arg(metavar="FOLDER|DATASET")] = None
    """Images to measure on: the test split of a data set, or all of a folder that has none. Without it, and for the
    data set that the model's card names, the card's figures are compared with what is measured now."""
    config: str = ""
    """Configuration of a data set that has several."""
    column: str = ""
    """Column of images; without it the one called image or img, else the only one."""
    splits: str = ""
    """train=NAME,test=NAME with the data set's names of splits."""
    max_side: int = 1024
    """Images with a longer side are shrunk to so many pixels."""
    write_card: Annotated[bool, arg(help_behavior_hint="")] = False
    """Write what was measured into the folder of a model that has no card yet, as one that was converted."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Doctor:
    """What is wrong with a model or a training run, by measured causes, and what to try."""

    home: ClassVar[str] = "doctor"

    source: Positional[Annotated[str, arg(metavar="RUN|MODEL")]]
    """A run folder, a name that `vqzoo list` shows, a folder, or a Hub id."""
    data: Annotated[str | None, arg(metavar="FOLDER|DATASET")] = None
    """Images to look at; without it those held out of a run, or the test split that the model's card names."""
    config: str = ""
    """Configuration of a data set that has several."""
    column: str = ""
    """Column of images; without it the one called image or img, else the only one."""
    splits: str = ""
    """train=NAME,test=NAME with the data set's names of splits."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Train(TrainOptions):
    """Train a tokenizer on your own images: divide them, choose the settings, train, measure, write the model card."""

    home: ClassVar[str] = "train"


@dataclass(frozen=True)
class Publish:
    """Put a model's folder on the Hub as one commit; without --yes only say what would change."""

    home: ClassVar[str] = "publish"

    folder: Positional[Annotated[str, arg(metavar="NAME|FOLDER")]]
    """A name that `vqzoo list` shows, or a folder laid out as those of model_cards/."""
    to: Annotated[str | None, arg(metavar="OWNER/NAME")] = None
    """The repository, made where there is none; without it the folder's name under your own."""
    private: bool = False
    """Make a new repository private."""
    collection: Annotated[str | None, arg(metavar="TITLE")] = None
    """Also put it into the collection of this title, made where there is none."""
    tag: str | None = None
    """Also tag the commit."""
    yes: bool = False
    """Do it."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Convert:
    """Turn another project's tokenizer into a folder that can be loaded here; docs/foreign.md tells which."""

    home: ClassVar[str] = "convert"

    source: Positional[Annotated[Path, arg(metavar="SOURCE")]]
    """A checkpoint file, or a folder with config.json and weights."""
    folder: Positional[Annotated[Path, arg(metavar="FOLDER")]]
    """The folder to make."""
    family: str | None = None
    """taming, diffusers, llamagen, magvit2 or ibq; without it the keys tell."""
    resolution: int = 256
    """Side in pixels of the images it was trained on, which no file tells."""


@dataclass(frozen=True)
class App:
    """Start the app, which compares models on a photograph in the browser."""

    home: ClassVar[str] = "app"

    host: str | None = None
    """Address to listen on; without it $GRADIO_SERVER_NAME, else this machine alone. Others who can reach it get the
    limits of a Space."""
    port: int | None = None
    """Port to listen on; without it $GRADIO_SERVER_PORT, else the first free one from 7860."""
    desktop: bool = False
    """A window of its own, which needs pywebview: pip install 'vqzoo[desktop]'; closing it ends the app."""


Command = (
    Annotated[List, subcommand("list")]
    | Annotated[Info, subcommand("info")]
    | Annotated[LoadCheck, subcommand("load-check")]
    | Annotated[Reconstruct, subcommand("reconstruct")]
    | Annotated[Evaluate, subcommand("evaluate")]
    | Annotated[Doctor, subcommand("doctor")]
    | Annotated[Train, subcommand("train")]
    | Annotated[Publish, subcommand("publish")]
    | Annotated[Convert, subcommand("convert")]
    | Annotated[App, subcommand("app")]
)
"""One of the commands; each one's `home` is the file here with its `run`, which returns the exit code."""
