"""Options of a prior's training run that are not fields of its recipe."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PriorOptions:
    """What a run reads, where it writes, and when it logs and saves."""

    tokens: Path = Path()
    """A folder that `vqzoo tokenize` wrote; its split "train", or its first one, is learned from."""
    test: str = "test"
    """Split of the folder to measure on; "": the images held out of the other."""
    label: str = ""
    """Column of classes that the prior is told, such as "label"; "": none."""
    runs: Path = Path("runs")
    """Folder of run folders: checkpoints and metrics.jsonl."""
    cards: Path = Path("model_cards")
    """Folder for the finished <name>/: card, config, weights, measurements."""
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
