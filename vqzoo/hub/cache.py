"""Models of vqzoo in the local cache of the Hub: listing and removing them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CachedRepoInfo, CacheNotFound, HFCacheInfo, constants, scan_cache_dir
from huggingface_hub.file_download import repo_folder_name

from vqzoo.files.storage import CONFIG, WEIGHTS, read_json
from vqzoo.hub.fetch import published
from vqzoo.hub.model import Model, check_config, is_repo_id
from vqzoo.ops.check import is_sha


@dataclass(frozen=True)
class CachedModel:
    """A repository in the cache.

    model: that of the last fetched commit, None without weights. size: bytes on disk, files that commits share counted
    once. commits: number of cached commits.
    """

    repo_id: str
    model: Model | None
    size: int
    commits: int


def cached_models() -> list[CachedModel]:
    """Return the repositories in the cache that hold a tokenizer of vqzoo, sorted by id."""
    return [
        CachedModel(repo.repo_id, _model(repo), repo.size_on_disk, len(repo.revisions))
        for repo in sorted(_repositories(_scan()), key=lambda repo: repo.repo_id)
    ]


def remove(repo_id: str) -> int:
    """Delete all commits of one of `cached_models` from the cache and return the number of freed bytes.

    Raises ValueError if the cache has no such model.
    """
    scan = _scan()
    repo = next((repo for repo in _repositories(scan) if repo.repo_id == repo_id), None)
    if scan is None or repo is None:
        raise ValueError(f"{repo_id}: not in the local cache of the Hub")
    strategy = scan.delete_revisions(*(revision.commit_hash for revision in repo.revisions))
    strategy.execute()
    return strategy.expected_freed_size


def bytes_underway(repo_id: str) -> int:
    """Return the bytes downloaded so far of those files of a repository that are not yet complete in the cache."""
    blobs = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repo_id, repo_type="model"), "blobs")
    total = 0
    for path in blobs.glob("*.incomplete"):
        with suppress(FileNotFoundError):  # the download has just completed
            total += path.stat().st_size
    return total


def size_of_folder(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _scan() -> HFCacheInfo | None:
    try:
        return scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return None


def _repositories(scan: HFCacheInfo | None) -> Iterator[CachedRepoInfo]:
    """Yield model repositories with a vqzoo config.json in at least one commit."""
    for repo in scan.repos if scan else ():
        if repo.repo_type == "model" and is_repo_id(repo.repo_id):
            if any(_is_ours(revision.snapshot_path) for revision in repo.revisions):
                yield repo


def _is_ours(commit: Path) -> bool:
    try:
        check_config(commit.name, read_json(commit / CONFIG))
    except ValueError:
        return False
    return True


def _model(repo: CachedRepoInfo) -> Model | None:
    complete = [
        revision
        for revision in repo.revisions
        if is_sha(revision.commit_hash) and {CONFIG, WEIGHTS} <= {file.file_name for file in revision.files}
    ]
    for revision in sorted(complete, key=lambda revision: revision.last_modified, reverse=True):
        try:
            return published(repo.repo_id, revision.commit_hash, local_files_only=True)
        except ValueError:  # damaged, or another library's
            continue
    return None
