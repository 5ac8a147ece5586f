"""The registry of tokenizers: listing them, and loading one by name."""

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
"""Models that were published when this version of vqzoo was released, see `python -m vqzoo.hub.snapshot --help`."""
SNAPSHOT_FORMAT = 1


def local_models() -> tuple[list[Model], list[Damaged]]:
    """Return the tokenizers in `cards_folder()`, sorted by name, and the folders whose files are damaged."""
    models, damaged = [], []
    for path in sorted(cards_folder().glob(f"*/{METRICS}")):
        try:
            models.append(read_model(path.parent))
        except (ValueError, OSError) as error:
            damaged.append(Damaged(plain(path.parent.name, 96), plain(error)))
    return models, damaged


def shipped_models() -> list[Model]:
    """Return the published tokenizers of the shipped snapshot, each pinned to a commit, sorted by name."""
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
    """Return the tokenizers in `cards_folder()` and, with `live`, those on the Hub, sorted by name.

    For models of equal name, local ones take precedence over the shipped snapshot, and the snapshot over the Hub; Hub
    repositories of equal name are listed as "owner/name". `live` waits for the Hub for a few seconds at most and never
    fails: without an answer it uses the Hub's last one, whose age and reason `listing` returns.

    Filters are the quantizer of any level, the data set, true bits of an image of the test split, megabytes of weights,
    and the publisher. A model for which a value is not known does not match. Folders with damaged files are left out
    with a warning that describes the damage; `local_models` returns them.
    """
    models, damaged = local_models()
    for each in damaged:
        warnings.warn(f"left out: {each.why}", stacklevel=2)
    if live:
        models = merged(models, shipped_models(), listing())
    return [model for model in models if matches(model, quantizer, dataset, max_bits, max_megabytes, author)]


def merged(local: Sequence[Model], shipped: Sequence[Model], now: Listing) -> list[Model]:
    """Return one model per name; local ones get the repository and commit of the snapshot's model of that name."""
    published = {model.name: model for model in shipped}
    known = {**published, **{model.name: _published(model, published.get(model.name)) for model in local}}
    names = Counter(model.name for model in now.models)
    repositories = {model.repo_id for model in shipped}
    for model in now.models:
        if model.repo_id not in repositories and (names[model.name] > 1 or model.name not in known):
            name = model.name if names[model.name] == 1 else str(model.repo_id)
            known[name] = replace(model, name=name)
    return sorted(known.values(), key=lambda model: model.name)


def _published(model: Model, twin: Model | None) -> Model:
    return model if twin is None else replace(model, repo_id=twin.repo_id, revision=twin.revision)


def load(
    source: str | Path | Model, *, device: "str | torch.device | None" = None, dtype: "torch.dtype | None" = None
) -> "Tokenizer":
    """Load a tokenizer in evaluation mode.

    `source` is a name in `cards_folder()`, a folder, a Hub id "owner/name[@revision]", a `Model`, or the name of a
    published model in the shipped snapshot or the Hub's last list, which is loaded at the listed commit. By default the
    tokenizer is on the CPU in float32; codebooks stay float32 for any `dtype`. Raises ValueError for damaged files, an
    unavailable device or type, and an unknown name, with the nearest names.
    """
    path, revision = find(source)
    from vqzoo.ops.device import check_device, check_dtype  # imports torch, which takes seconds
    from vqzoo.tokenizer import Tokenizer

    device = None if device is None else check_device(device)
    dtype = None if dtype is None else check_dtype(dtype)
    tokenizer = Tokenizer.from_pretrained(path, revision=revision)
    return tokenizer if device is None and dtype is None else tokenizer.to(device=device, dtype=dtype)


def find(source: str | Path | Model) -> tuple[str | Path, str | None]:
    """Return the source from which `load` reads: (folder, None), or (Hub id, revision).

    This needs neither torch nor the Hub, so that mistakes are reported at once. Raises ValueError for an unknown name,
    and for a folder whose files are missing or incomplete.
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
    """Return `name` if it is one of `names`; otherwise raise ValueError with the nearest names or how to get models."""
    if is_path(name):
        raise ValueError(f"model={name!r}: there is no such folder; expected one with {CONFIG} and {WEIGHTS}")
    names = list(names)
    if name not in names and not cards_folder().is_dir():
        raise ValueError(f"model={name!r}: {no_cards()}")
    return check_choice("model", name, names)


def no_cards() -> str:
    """Return a hint on how to get models, for a machine without a folder of models."""
    return (
        f"there is no folder of models at {cards_folder()}: set ${CARDS_VARIABLE} to the model_cards/ of a clone of "
        "vqzoo, or name a folder or a published 'owner/name'"
    )


def _whole(folder: Path) -> Path:
    """Return `folder`; ValueError unless its configuration is JSON and its weights are complete."""
    files = Folder(folder)
    try:
        read_json(files.path(CONFIG), files.name)
        files.header(WEIGHTS)
    except ValueError as error:
        raise ValueError(brief(error)) from None
    return folder


def usage_counts(model: Model) -> list[list[int]] | None:
    """Return the uses of each index on the test split, as counted by `analysis.evaluation`; None if not counted.

    Raises ValueError if the file is damaged, or missing for a measured model.
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
    """Return a sentence if the usage counts in a model's folder are damaged, None otherwise.

    A model with damaged counts can still be used; only its usage is not known.
    """
    if model.source is None or not model.measured or not (model.source / USAGE).exists():
        return None
    try:
        usage_counts(model)
    except ValueError as error:
        return plain(error)
    return None
