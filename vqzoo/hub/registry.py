"""The registry: which tokenizers there are, and loading one by name."""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqzoo.files.download import Repository
from vqzoo.files.storage import CARDS_VARIABLE, CONFIG, WEIGHTS, Folder, cards_folder, is_path, read_json
from vqzoo.hub.card import METRICS, USAGE
from vqzoo.hub.live import Listing, cached, listing
from vqzoo.hub.model import Damaged, Model, from_entry, matches, read_model
from vqzoo.hub.schema import is_name
from vqzoo.hub.usage_file import columns
from vqzoo.ops.check import check_choice
from vqzoo.ops.text import brief, plain

if TYPE_CHECKING:
    import torch

    from vqzoo.tokenizer import Tokenizer

__all__ = [
    "CARDS_VARIABLE",
    "Listing",
    "Model",
    "cards_folder",
    "find",
    "known_name",
    "list_models",
    "listing",
    "load",
    "local_models",
    "merged",
    "no_cards",
    "shipped_models",
    "usage_counts",
    "usage_damage",
]

SNAPSHOT = Path(__file__).with_name("registry.json")
"""What was published when this version of vqzoo was made; `python -m vqzoo.hub.snapshot OWNER` makes it."""
SNAPSHOT_FORMAT = 1


def local_models() -> tuple[list[Model], list[Damaged]]:
    """The tokenizers in `cards_folder()` by name, and the folders whose files are damaged."""
    models, damaged = [], []
    for path in sorted(cards_folder().glob(f"*/{METRICS}")):
        try:
            models.append(read_model(path.parent))
        except (ValueError, OSError) as error:
            damaged.append(Damaged(plain(path.parent.name, 96), plain(error)))
    return models, damaged


def shipped_models() -> list[Model]:
    """The published tokenizers that this version of vqzoo knows of, each pinned to a commit, by name."""
    snapshot = read_json(SNAPSHOT)
    if snapshot.get("format") != SNAPSHOT_FORMAT or not isinstance(snapshot.get("models"), list):
        raise ValueError(f"{SNAPSHOT.name}: expected format {SNAPSHOT_FORMAT} and a list of models")
    return sorted(map(from_entry, snapshot["models"]), key=lambda model: model.name)


def list_models(
    live: bool = False,
    *,
    quantizer: str | None = None,
    dataset: str | None = None,
    max_bits: float | None = None,
    max_megabytes: float | None = None,
    author: str | None = None,
) -> list[Model]:
    """Every tokenizer in `cards_folder()`, by name, and with `live` those that are published: one of each name.

    Of one name a local one comes before one of the shipped snapshot, and that before one that the Hub lists now; Hub
    repositories that share a name with each other are named "owner/name". `live` waits for the Hub for a few seconds
    at most and never fails: what the Hub last said is taken instead; `listing` tells how old that is, and why.
    Filters: the quantizer of any level, the data set, true bits of an image of the test split, megabytes of weights,
    who published it. What is not known of a model does not match.

    A folder whose files are damaged is left out, with a warning that says what is wrong; `local_models` tells of both.
    """
    models, damaged = local_models()
    for each in damaged:
        warnings.warn(f"left out: {each.why}", stacklevel=2)
    if live:
        models = merged(models, shipped_models(), listing())
    return [model for model in models if matches(model, quantizer, dataset, max_bits, max_megabytes, author)]


def merged(local: Sequence[Model], shipped: Sequence[Model], now: Listing) -> list[Model]:
    """One model of each name; a local one learns where it is published from the snapshot."""
    published = {model.name: model for model in shipped}
    known = {**published, **{model.name: _published(model, published.get(model.name)) for model in local}}
    names = Counter(model.name for model in now.models)
    repositories = {model.repo_id for model in shipped}
    for model in now.models:
        if model.repo_id not in repositories and (names[model.name] > 1 or model.name not in known):
            name = model.name if names[model.name] == 1 else str(model.repo_id)
            known[name] = replace(model, name=name)
    return sorted(known.values(), key=lambda model: model.name)


def _published(model: Model, at: Model | None) -> Model:
    return model if at is None else replace(model, repo_id=at.repo_id, revision=at.revision)


def load(
    source: str | Path | Model, *, device: "str | torch.device | None" = None, dtype: "torch.dtype | None" = None
) -> "Tokenizer":
    """A tokenizer in evaluation mode: a name in `cards_folder()`, a folder, a Hub id "owner/name[@revision]", the name
    of a published one, or what `list_models` returned.

    A published one is known by its name if the shipped snapshot or the Hub's last list has it; it is loaded at the
    commit that was listed. Without `device` and `dtype` it is on the CPU, in float32; codebooks stay float32 in any
    type. Raises ValueError that says what is wrong with the files, the device or the type, or offers the nearest names
    for an unknown one.
    """
    place, revision = find(source)
    from vqzoo.ops.device import check_device, check_dtype  # and torch, which takes seconds
    from vqzoo.tokenizer import Tokenizer

    device = None if device is None else check_device(device)
    dtype = None if dtype is None else check_dtype(dtype)
    tokenizer = Tokenizer.from_pretrained(place, revision=revision)
    return tokenizer if device is None and dtype is None else tokenizer.to(device=device, dtype=dtype)


def find(source: str | Path | Model) -> tuple[str | Path, str | None]:
    """Where `load` takes a tokenizer from: a folder and None, or a Hub id and a revision.

    Neither torch is needed, nor the Hub, so that a mistake is told at once. Raises ValueError for a name that is not
    known, and for a folder whose files are not there or not whole.
    """
    if isinstance(source, Model):
        return (str(source.repo_id), source.revision) if source.source is None else (_whole(source.source), None)
    text = str(source)
    if is_name(text) and (cards_folder() / text).is_dir():
        return _whole(cards_folder() / text), None
    if Path(source).is_dir():
        return _whole(Path(source)), None
    repo_id, _, revision = text.partition("@")
    if repo_id.count("/") == 1 and not is_path(text):
        return repo_id, revision or None
    models = {model.name: model for model in merged(local_models()[0], shipped_models(), cached())}
    return find(models[known_name(text, models)])


def known_name(name: str, names: Iterable[str]) -> str:
    """`name` if it is among the `names` of models; otherwise ValueError with the nearest, or with where to get any."""
    if is_path(name):
        raise ValueError(f"model={name!r}: there is no such folder; expected one with {CONFIG} and {WEIGHTS}")
    names = list(names)
    if name not in names and not cards_folder().is_dir():
        raise ValueError(f"model={name!r}: {no_cards()}")
    return check_choice("model", name, names)


def no_cards() -> str:
    """Where models are to be had, for a machine that has no folder of them."""
    return (
        f"there is no folder of models at {cards_folder()}: set ${CARDS_VARIABLE} to the model_cards/ of a clone of "
        "vqzoo, or name a folder or a published 'owner/name'"
    )


def _whole(folder: Path) -> Path:
    """`folder` if its configuration is JSON and its weights have all their bytes; otherwise ValueError."""
    files = Folder(folder)
    try:
        read_json(files.path(CONFIG), files.name)
        files.header(WEIGHTS)
    except ValueError as error:
        raise ValueError(brief(error)) from None
    return folder


def usage_counts(model: Model) -> list[list[int]] | None:
    """How often each index was used on the test split, as `analysis.evaluation` counts; None if not counted.

    Raises ValueError for a file that is damaged, or is missing although the model is measured.
    """
    if not model.measured:
        return None
    if model.source is not None:
        record: dict[str, Any] = read_json(Folder(model.source).path(USAGE))
    else:
        record = read_json(Repository(str(model.repo_id), model.revision).path(USAGE), model.name)
    counts = record.get("counts", ())
    if counts is None:
        return None
    try:
        return columns(counts)
    except ValueError as error:
        raise ValueError(f"{USAGE} of {model.name}: counts has to be what was counted: {error}") from None


def usage_damage(model: Model) -> str | None:
    """What is wrong with the usage counts in a model's folder, in a sentence; None for nothing.

    The model itself is whole all the same: only what is counted is not known of it.
    """
    if model.source is None or not model.measured or not (model.source / USAGE).exists():
        return None
    try:
        usage_counts(model)
    except ValueError as error:
        return plain(error)
    return None
