"""A model repository on the Hugging Face Hub: what is in it, and changing it in one commit."""

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

from vqzoo.ops.check import is_sha
from vqzoo.ops.text import plain

CARD = "README.md"
FILES = (CARD, "config.json", "model.safetensors", "metrics.json", "usage.json")
"""With `OPTIONAL` all that vqzoo ever writes into a repository; whatever else is there is left alone."""
OPTIONAL = ("map.json",)
"""What a card folder may hold besides, and a repository then does."""

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
"""What the client raises at an answer that is no JSON, or of another type than it expects."""

_LOGIN = "log in with `hf auth login`, or set HF_TOKEN to a token that may write"


@dataclass(frozen=True)
class Plan:
    """What an upload changes.

    files: name -> "new", "changed", "same", or "gone" for one of ours that is there and belongs there no longer.
    parent: the commit that the files were compared with; None if there is no such repository yet.
    """

    repo_id: str
    files: dict[str, str]
    parent: str | None

    @property
    def changes(self) -> list[str]:
        """The files that are not the same, by name."""
        return sorted(name for name, state in self.files.items() if state != "same")


def full_id(api: HfApi, repo_id: str) -> str:
    """ "owner/name"; for a name alone the owner is whoever is logged in, and ValueError says if nobody is."""
    if "/" in repo_id:
        return repo_id
    with explained(repo_id):
        return f"{api.whoami()['name']}/{repo_id}"


def look(api: HfApi, repo_id: str) -> ModelInfo | None:
    """The head of a repository with its files, in one request; None if there is none that one may see."""
    try:
        found = api.model_info(repo_id, files_metadata=True)
    except RepositoryNotFoundError:
        return None
    if not is_sha(found.sha):
        raise ValueError(NONSENSE)
    return found


def compare(folder: Path, names: Sequence[str], repo_id: str, there: ModelInfo | None) -> Plan:
    """What putting `names` of `folder`, in place of whatever of ours is there, would change."""
    files = {row.rfilename: row for row in (there.siblings or [])} if there is not None else {}
    states = {
        name: "new" if name not in files else "same" if _is_same(folder / name, files[name]) else "changed"
        for name in names
    }
    states |= {name: "gone" for name in (*FILES, *OPTIONAL) if name in files and name not in names}
    return Plan(repo_id, states, None if there is None else there.sha)


def upload(
    api: HfApi, folder: Path, names: Sequence[str], repo_id: str, message: str, private: bool | None = None
) -> tuple[Plan, CommitInfo]:
    """Make the repository hold `names` of `folder` and no others of ours; it is created if it does not exist.

    Everything is one commit on top of the one that the files were compared with; if nothing differs there is none, and
    the information is that of the head. `private=True` is refused for a repository that is public already.
    """
    there = look(api, repo_id)
    if there is None:
        api.create_repo(repo_id, private=private, exist_ok=True)
        there = look(api, repo_id)
    elif private and not there.private:
        raise ValueError(f"{repo_id!r} is public already: make it private in its settings on the Hub, or leave it so")
    plan = compare(folder, names, repo_id, there)
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
    """What a tokenizer is found by on the Hub: names of its quantizers, strides of its levels, its encoding."""
    parts = [*(f"quantizer:{name}" for name in quantizers), *(f"f:{stride}" for stride in strides), f"pe:{position}"]
    return list(dict.fromkeys(["vqzoo", "image-tokenizer", *parts]))


@contextmanager
def explained(repo_id: str) -> Iterator[None]:
    """What the Hub and its client answer, as a ValueError of one sentence that says what to do."""
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
        raise ValueError(_answer(named, error)) from error
    except (HTTPError, ConnectionError) as error:
        raise ValueError(f"the Hub cannot be reached ({plain(error)}): try again later") from error
    except NONSENSE_ERRORS as error:
        raise ValueError(NONSENSE) from error
    except ValueError as error:  # ours, or the client's list of what is wrong with a card
        raise ValueError(plain(error, 2000)) from error
    except RuntimeError as error:  # so the client says that the bytes of a large file did not get there
        raise ValueError(f"{plain(error)} Nothing was committed: try again later") from error


def _answer(named: str, error: HfHubHTTPError) -> str:
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
    said = f": {plain(error.server_message)}" if error.server_message else ""
    if status >= 500:
        return f"the Hub is out of order (it answered {status}{said}); try again later"
    return f"the Hub refused {named} (it answered {status}{said})"


def _is_same(path: Path, there: RepoSibling) -> bool:
    data = path.read_bytes()
    if there.lfs is not None:
        return hashlib.sha256(data).hexdigest() == there.lfs.sha256
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == there.blob_id  # as git names a file
