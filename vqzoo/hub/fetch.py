"""Read the full record of one tokenizer from its files in a folder or a repository of the Hub."""

from pathlib import Path

from vqzoo.files.download import Repository
from vqzoo.files.remote import CARD
from vqzoo.files.storage import CONFIG, WEIGHTS, WEIGHTS_LIMIT, Folder, read_json
from vqzoo.hub.card import METRICS, USAGE
from vqzoo.hub.model import Model, check_config, check_record, is_repo_id, read_model
from vqzoo.hub.schema import is_name
from vqzoo.ops.text import brief, visible


def find(text: str, folders: bool = True) -> Model:
    """Return the model of "owner/name", "owner/name@revision" or, with `folders`, the path of a folder.

    Its metrics are empty without a metrics.json. Raises ValueError if there is no such model or its files are damaged.
    """
    text = text.strip()
    if folders and text and Path(text).expanduser().is_dir():
        return in_folder(Path(text).expanduser())
    repo_id, _, revision = text.partition("@")
    if not is_repo_id(repo_id):
        known = "a Hub repository as owner/name or owner/name@revision" + (", or a folder" if folders else "")
        raise ValueError(f"{brief(repr(text), 80)} is no model: write {known}")
    return published(repo_id, revision or None)


def in_folder(folder: Path) -> Model:
    """Return the model in a folder on this machine."""
    folder = folder.resolve()
    files = Folder(folder)
    if files.has(METRICS):
        return read_model(folder)
    if not is_name(folder.name):
        raise ValueError(f"{brief(repr(folder.name), 80)} is no name of a model: letters, digits, '.', '_' and '-'")
    config = read_json(files.path(CONFIG))
    check_config(folder.name, config)
    return Model(folder.name, folder, config, {}, size=files.path(WEIGHTS, WEIGHTS_LIMIT).stat().st_size)


def published(repo_id: str, revision: str | None = None, local_files_only: bool = False) -> Model:
    """Return the model of a repository at the current commit of `revision`, by default main.

    `local_files_only` reads it from the cache.
    """
    repository = Repository(repo_id, revision, local_files_only)
    name = repo_id.split("/")[1]
    config = read_json(repository.path(CONFIG), repo_id)
    measured = repository.has(METRICS)
    metrics = read_json(repository.path(METRICS), repo_id) if measured else {}
    if measured:
        check_record(repo_id, config, metrics)
    else:
        check_config(repo_id, config)
    return Model(name, None, config, metrics, "hub", repo_id, repository.sha, repository.size_of(WEIGHTS))


def card_text(model: Model) -> str | None:
    """Return a model's README.md at its commit, which can hold anything; None if there is none."""
    files = Folder(model.source) if model.source else Repository(str(model.repo_id), model.revision)
    return visible(files.path(CARD).read_text(encoding="utf-8", errors="replace")) if files.has(CARD) else None


def cache_usage(model: Model) -> None:
    """Download a published model's usage counts to the cache, so that pages need not wait for the Hub."""
    if model.source is None and model.measured:
        repository = Repository(str(model.repo_id), model.revision)
        if repository.has(USAGE):
            repository.path(USAGE)
