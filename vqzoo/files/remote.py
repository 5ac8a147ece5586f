"""Publish to a model repository on the Hugging Face Hub: compare files, then change them in one commit."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo, RepoSibling

from vqzoo.files.storage import MAP, NEIGHBOURS
from vqzoo.ops.check import is_sha
from vqzoo.ops.text import plain

CARD = "README.md"
FILES = (CARD, "config.json", "model.safetensors", "metrics.json", "usage.json")
"""The files of a card folder. With `OPTIONAL` these are all that vqzoo writes; other files are left alone."""
OPTIONAL = (MAP, NEIGHBOURS)
"""Files that a card folder may also hold."""

NONSENSE = "the Hub is out of order (its answer makes no sense): try again later"
NONSENSE_ERRORS = (
    json.JSONDecodeError,
    UnicodeDecodeError,
    RecursionError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
)
"""What the client raises for a response that is not JSON or has unexpected types."""

_LOGIN = "log in with `hf auth login`, or set HF_TOKEN to a token that may write"


@dataclass(frozen=True)
class Plan:
    """Changes that an upload makes.

    files: state by name, one of "new", "changed", "same", or "gone" for a file of `FILES` to be removed.
    parent: commit that the files were compared with; None if the repository does not exist yet.
    """

    repo_id: str
    files: dict[str, str]
    parent: str | None

    @property
    def changes(self) -> list[str]:
        """Sorted names of the files that are not the same."""
        return sorted(name for name, state in self.files.items() if state != "same")


def full_id(api: HfApi, repo_id: str) -> str:
    """Return "owner/name"; a name without an owner gets the name of the logged-in user.

    Raises ValueError if nobody is logged in.
    """
    if "/" in repo_id:
        return repo_id
    with hub_errors(repo_id):
        return f"{api.whoami()['name']}/{repo_id}"


def repository_info(api: HfApi, repo_id: str) -> ModelInfo | None:
    """Return a repository's head and files, in one request; None if it does not exist or is not visible."""
    try:
        info = api.model_info(repo_id, files_metadata=True)
    except RepositoryNotFoundError:
        return None
    if not is_sha(info.sha):
        raise ValueError(NONSENSE)
    return info


def plan_upload(folder: Path, names: Sequence[str], repo_id: str, remote: ModelInfo | None) -> Plan:
    """Return what replacing a repository's files by `names` of `folder` would change."""
    files = {row.rfilename: row for row in (remote.siblings or [])} if remote is not None else {}
    states = {
        name: "new" if name not in files else "same" if _is_same(folder / name, files[name]) else "changed"
        for name in names
    }
    states |= {name: "gone" for name in (*FILES, *OPTIONAL) if name in files and name not in names}
    return Plan(repo_id, states, None if remote is None else remote.sha)


def upload(
    api: HfApi, folder: Path, names: Sequence[str], repo_id: str, message: str, private: bool | None = None
) -> tuple[Plan, CommitInfo]:
    """Make a repository hold `names` of `folder` and no other files of vqzoo's; create it if it does not exist.

    All changes are one commit on top of the one that the files were compared with. If nothing differs there is no
    commit, and the returned CommitInfo is that of the head. `private=True` raises ValueError for a public repository.
    """
    remote = repository_info(api, repo_id)
    if remote is None:
        api.create_repo(repo_id, private=private, exist_ok=True)
        remote = repository_info(api, repo_id)
    elif private and not remote.private:
        raise ValueError(f"{repo_id!r} is public already: make it private in its settings on the Hub, or leave it so")
    plan = plan_upload(folder, names, repo_id, remote)
    if plan.parent is not None and not plan.changes:
        url = f"{api.endpoint}/{repo_id}/commit/{plan.parent}"
        return plan, CommitInfo(commit_url=url, commit_message=message, commit_description="", oid=plan.parent)
    operations = [
        CommitOperationDelete(name) if plan.files[name] == "gone" else CommitOperationAdd(name, folder / name)
        for name in plan.changes
    ]
    commit = api.create_commit(repo_id, operations, commit_message=message, parent_commit=plan.parent)
    if not is_sha(commit.oid):
        raise ValueError(NONSENSE)
    return plan, commit


def hub_tags(quantizers: Sequence[str], strides: Sequence[int], position: str) -> list[str]:
    """Return the tags of a tokenizer on the Hub: its quantizers, the strides of its levels and its encoding."""
    parts = [*(f"quantizer:{name}" for name in quantizers), *(f"f:{stride}" for stride in strides), f"pe:{position}"]
    return list(dict.fromkeys(["vqzoo", "image-tokenizer", *parts]))


@contextmanager
def hub_errors(repo_id: str) -> Iterator[None]:
    """Context manager that raises any error of the Hub or its client as a ValueError of one sentence with a fix."""
    named = plain(repr(repo_id), 200)
    try:
        yield
    except HFValidationError:
        raise ValueError(f"{named} is no name of a Hub repository; expected 'owner/name'") from None
    except LocalTokenNotFoundError:
        raise ValueError(f"you are not logged in to the Hub: {_LOGIN}") from None
    except OfflineModeIsEnabled:
        raise ValueError("HF_HUB_OFFLINE is set, so nothing can be published: unset it") from None
    except HfHubHTTPError as error:
        raise ValueError(_explain_status(named, error)) from error
    except (HTTPError, ConnectionError) as error:
        raise ValueError(f"the Hub cannot be reached ({plain(error)}): try again later") from error
    except NONSENSE_ERRORS as error:
        raise ValueError(NONSENSE) from error
    except ValueError as error:  # ours, or the client's list of what is wrong with a card
        raise ValueError(plain(error, 2000)) from error
    except RuntimeError as error:  # the client's error for an interrupted upload of a large file
        raise ValueError(f"{plain(error)} Nothing was committed: try again later") from error


def _explain_status(named: str, error: HfHubHTTPError) -> str:
    status = error.response.status_code
    if status == 401:
        return f"the Hub does not know you, or not this token: {_LOGIN}"
    if status == 403:
        return f"you may not write to {named}: it belongs to somebody else, or your token is for reading only"
    if status == 412:
        return (
            f"{named} was changed on the Hub while this was being uploaded; nothing was overwritten: "
            "look at what changed, then publish again"
        )
    reason = f": {plain(error.server_message)}" if error.server_message else ""
    if status >= 500:
        return f"the Hub is out of order (it answered {status}{reason}); try again later"
    return f"the Hub refused {named} (it answered {status}{reason})"


def _is_same(path: Path, remote: RepoSibling) -> bool:
    data = path.read_bytes()
    if remote.lfs is not None:
        return hashlib.sha256(data).hexdigest() == remote.lfs.sha256
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == remote.blob_id  # git's name of a file
