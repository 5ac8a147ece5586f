"""The registry: which tokenizers there are, and loading one by name."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqzoo.hub.card import METRICS, USAGE
from vqzoo.ops.check import check_choice
from vqzoo.storage import CONFIG, read_json
from vqzoo.tokenizer import Tokenizer

CARDS_VARIABLE = "VQZOO_CARDS"
"""Environment variable: a folder to look for tokenizers in, in place of the checkout's model_cards/."""


@dataclass(frozen=True)
class Model:
    """A tokenizer that can be loaded. `config` and `metrics` are its config.json and metrics.json."""

    name: str
    source: Path
    config: dict[str, Any]
    metrics: dict[str, Any]


def cards_folder() -> Path:
    """Where named tokenizers live: $VQZOO_CARDS, or model_cards/ of the checkout."""
    return Path(os.environ.get(CARDS_VARIABLE, Path(__file__).parents[2] / "model_cards"))


def list_models() -> list[Model]:
    """Every tokenizer in `cards_folder()`, by name; ValueError names a folder whose files are damaged."""
    folder = cards_folder()
    names = sorted(path.parent.name for path in folder.glob(f"*/{METRICS}"))
    return [
        Model(name, folder / name, read_json(folder / name / CONFIG), read_json(folder / name / METRICS))
        for name in names
    ]


def load(source: str | Path) -> Tokenizer:
    """A tokenizer in evaluation mode: a name in `cards_folder()`, a folder, or a Hub id "owner/name[@revision]".

    Raises ValueError that says what is wrong with the files, or offers the nearest names for an unknown one.
    """
    named = cards_folder() / source
    if named.is_dir():
        return Tokenizer.from_pretrained(named)
    if Path(source).is_dir():
        return Tokenizer.from_pretrained(source)
    repo_id, _, revision = str(source).partition("@")
    if repo_id.count("/") != 1 or repo_id.startswith((".", "/")):
        check_choice("model", str(source), [model.name for model in list_models()])
    return Tokenizer.from_pretrained(repo_id, revision=revision or None)


def usage_counts(model: Model) -> list[list[int]] | None:
    """How often each index was used on the test split, as `analysis.evaluation` counts; None if not counted."""
    return read_json(model.source / USAGE)["counts"]
