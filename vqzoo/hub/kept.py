"""What the local cache of the Hub holds of vqzoo's models, and taking it off the disk."""

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
class Kept:
    """One repository in the cache. model: of the commit that was fetched last, None where the weights are not there.

    size: bytes on disk, a file of several commits counted once. commits: how many of them there are.
    """

    repo_id: str
    model: Model | None
    size: int
    commits: int


def kept() -> list[Kept]:
    """The repositories of the cache that hold a tokenizer of vqzoo, by id; whatever else is there is left out."""
    found = [(repo, _model(repo)) for repo in _repositories(_scan())]
    return sorted(
        (Kept(repo.repo_id, model, repo.size_on_disk, len(repo.revisions)) for repo, model in found),
        key=lambda each: each.repo_id,
    )


def remove(repo_id: str) -> int:
    """Delete every commit of one of `kept` from the cache; how many bytes that has freed.

    Raises ValueError where the cache has none of this id.
    """
    scan = _scan()
    repo = next((repo for repo in _repositories(scan) if repo.repo_id == repo_id), None)
    if scan is None or repo is None:
        raise ValueError(f"{repo_id}: nothing of it is in the local cache of the Hub")
    strategy = scan.delete_revisions(*(revision.commit_hash for revision in repo.revisions))
    strategy.execute()
    return strategy.expected_freed_size


def bytes_underway(repo_id: str) -> int:
    """Bytes of a repository's files that are being downloaded into the cache now, in whichever way the client does."""
    blobs = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repo_id, repo_type="model"), "blobs")
    total = 0
    for path in blobs.glob("*.incomplete"):
        with suppress(FileNotFoundError):  # it is whole by now
            total += path.stat().st_size
    return total


def size_of_folder(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _scan() -> HFCacheInfo | None:
    try:
        return scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return None


def _repositories(scan: HFCacheInfo | None) -> Iterator[CachedRepoInfo]:
    """Model repositories of which some commit has a config.json of vqzoo."""
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
    whole = [
        revision
        for revision in repo.revisions
        if is_sha(revision.commit_hash) and {CONFIG, WEIGHTS} <= {file.file_name for file in revision.files}
    ]
    for revision in sorted(whole, key=lambda revision: revision.last_modified, reverse=True):
        try:
            return published(repo.repo_id, revision.commit_hash, local_files_only=True)
        except ValueError:  # damaged, or another library's
            continue
    return None
