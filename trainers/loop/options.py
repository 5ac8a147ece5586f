"""Where a run reads and writes: the part of its command line that is not the recipe's."""

from dataclasses import dataclass
from pathlib import Path

from trainers.data.loading import BAD_SHARE, Loading
from trainers.data.source import Source
from trainers.loop.watch import Kind


@dataclass(frozen=True)
class Options:
    """Where a run reads and writes; what it does is the recipe's matter."""

    data: str | None = None
    """Local folder of the data set; without it $VQZOO_DATA/<dataset> where that exists, else the Hub."""
    runs: Path = Path("runs")
    """Folder of run folders: checkpoints, metrics.jsonl, sample grids."""
    cards: Path = Path("model_cards")
    """Folder that gets the finished <name>/: card, config, weights, metrics, usage."""
    resume: bool = False
    """Go on from the newest checkpoint of this run; without it, a run folder with checkpoints is left alone."""
    save_minutes: float = 10.0
    """Minutes between checkpoints; every evaluation saves one, too."""
    rank_timeout: float = 10.0
    """Minutes after which a run of several processes ends, and tells which of them has stopped answering."""
    log_every: int = 50
    """Steps between rows of metrics.jsonl; every evaluation writes one, too."""
    loading: Loading = "auto"
    """Where images wait: decoded in memory; on the disk, decoded when wanted; or far away, read as they come. auto: in
    memory where they take at most 4 GiB, else mapped."""
    workers: int = 2
    """Processes that decode images, where they are not in memory; 0: this one."""
    bad_images: float = BAD_SHARE
    """Share of a split that may be unreadable; such images are named and left out."""
    stop_on: tuple[Kind, ...] = ()
    """Warnings that end the run: exploding, collapse, over-fitting. It can be resumed."""
    track: bool = False
    """Also log to trackio, locally (needs `pip install trackio`)."""
    license: str = ""
    """Licence that the model card states, as apache-2.0; without it none."""
    config: str = ""
    """Configuration of a data set that has several."""
    column: str = ""
    """Column of images; without it the one called image or img, else the only one."""
    splits: str = ""
    """train=NAME,test=NAME with the data set's names, held_out=NAME besides; or divide: by the images' content."""

    @property
    def source(self) -> Source:
        """Return where the data set is, and which of its images are meant."""
        return Source(self.data, self.config, self.column, self.splits)
