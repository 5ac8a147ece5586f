"""Options of a training run that are not fields of its recipe."""

from dataclasses import dataclass
from pathlib import Path

from trainers.data.loading import BAD_SHARE, Loading
from trainers.data.source import Source
from trainers.loop.watch import Kind


@dataclass(frozen=True)
class RunOptions:
    """Options of any run: where it writes, and when it logs and saves."""

    runs: Path = Path("runs")
    """Folder of run folders: checkpoints, metrics.jsonl, sample grids."""
    cards: Path = Path("model_cards")
    """Folder for the finished <name>/: card, config, weights, metrics, usage."""
    resume: bool = False
    """Resume from the newest checkpoint of this run; without it, a run folder with checkpoints is an error."""
    save_minutes: float = 10.0
    """Minutes between checkpoints; every evaluation saves one, too."""
    rank_timeout: float = 10.0
    """Minutes to wait for a process that stopped answering, before the others end with its rank in the message."""
    log_every: int = 50
    """Steps between rows of metrics.jsonl; every evaluation writes one, too."""
    track: bool = False
    """Also log to trackio, locally (needs `pip install trackio`)."""


@dataclass(frozen=True)
class Options(RunOptions, Source):
    """Options of a run of a tokenizer that are not fields of its recipe, with those of its images."""

    loading: Loading = "auto"
    """memory: decode all images once; mapped: decode them from the disk when needed; stream: store nothing; auto:
    memory if they take at most 4 GiB, else mapped."""
    workers: int = 2
    """Processes that decode images which are not in memory; 0: the training process."""
    bad_images: float = BAD_SHARE
    """Largest share of unreadable images in a split; they are named and left out."""
    stop_on: tuple[Kind, ...] = ()
    """Warnings that end the run: exploding, collapse, over-fitting. It can be resumed."""
    license: str = ""
    """Licence to state in the model card, such as apache-2.0; without it none."""
