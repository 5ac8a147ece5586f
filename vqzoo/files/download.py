"""Download files of one revision of a Hub repository, each checked for its size first."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, get_session, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from vqzoo.files.header import TensorInfo, header_length, parse_header
from vqzoo.files.remote import NONSENSE, NONSENSE_ERRORS
from vqzoo.files.storage import JSON_LIMIT, WEIGHTS_LIMIT, Folder, check_size, weights_header
from vqzoo.ops.check import is_sha
from vqzoo.ops.text import plain

_FIRST_BYTES = 2**16
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


class Repository(Folder):
    """A model repository on the Hub, fixed at the commit that `revision` (default: main) names on construction.

    All files are of that one commit. Files in the local cache are not requested again, and are all there is when the
    Hub cannot be reached. Methods raise ValueError with one sentence for any failure of the Hub.
    """

    def __init__(self, repo_id: str, revision: str | None = None, local_files_only: bool = False):
        self.name = repo_id
        self.local_files_only = local_files_only
        self._sizes: dict[str, int | None] | None = None
        with _explain_errors(repo_id):
            resolved = HfApi().resolve_revision(repo_id, revision=revision, local_files_only=local_files_only)
        if not is_sha(resolved.resolved):
            raise ValueError(f"{repo_id!r} could not be loaded: {NONSENSE}")
        self.sha: str = resolved.resolved

    def path(self, name: str, limit: int = JSON_LIMIT) -> Path:
        """Return the path of a file in the cache, downloading it if needed; refuse files over `limit` bytes."""
        cached = self._cached(name)
        if cached is None:
            if not self.local_files_only:
                self.size(name, limit)
            with _explain_errors(self.name):
                cached = hf_hub_download(
                    self.name, name, revision=self.sha, local_files_only=self.local_files_only, library_name="vqzoo"
                )
        path = Path(cached)
        check_size(f"{name} of {self.name}", path.stat().st_size, limit)
        return path

    def size(self, name: str, limit: int) -> int:
        """Return the size of a file in bytes, as the Hub lists it.

        Raises ValueError if there is no such file or it is over `limit`.
        """
        sizes = self._remote_sizes()
        if name not in sizes:
            pickles = sorted(file for file in sizes if file.endswith(_PICKLES))
            note = f"; {pickles[0]} is a pickle, which could run code and is never read" if pickles else ""
            raise ValueError(f"{self.name}: there is no {name}{note}")
        size = sizes[name]
        check_size(f"{name} of {self.name}", size, limit)
        assert size is not None
        return size

    def size_of(self, name: str) -> int | None:
        """Return the size of a file in bytes, from the cache or the Hub; None if neither has it."""
        cached = self._cached(name)
        if cached is not None:
            return Path(cached).stat().st_size
        return self._remote_sizes().get(name) if self.has(name) else None

    def has(self, name: str) -> bool:
        """Return whether the file exists on the Hub, or in the cache where the Hub cannot be asked."""
        if self._cached(name) is not None:
            return True
        try:
            return not self.local_files_only and name in self._remote_sizes()
        except ValueError:
            return False

    def header(self, name: str) -> dict[str, TensorInfo]:
        """Return the tensors that a safetensors file lists, downloading only its header."""
        cached = self._cached(name)
        if cached is not None or self.local_files_only:
            return weights_header(self.path(name, WEIGHTS_LIMIT), self.name)
        size = self.size(name, WEIGHTS_LIMIT)
        try:
            start = self._read_start(name, _FIRST_BYTES)
            length = 8 + header_length(start, size)
            if length > len(start):
                start = self._read_start(name, length)
            return parse_header(start, size)
        except (HTTPError, OSError):  # a download retries, and resumes where it broke off
            return weights_header(self.path(name, WEIGHTS_LIMIT), self.name)
        except ValueError as error:
            raise ValueError(
                f"{name} of {self.name} is cut short or no safetensors file: {plain(error, 160)}"
            ) from None

    def _remote_sizes(self) -> dict[str, int | None]:
        """Return the size of each file of the commit by name; the Hub is asked once."""
        if self._sizes is None:
            with _explain_errors(self.name):
                info = HfApi().model_info(self.name, revision=self.sha, files_metadata=True)
                files = {file.rfilename: file.size for file in info.siblings or []}
            self._sizes = {str(name): size if type(size) is int else None for name, size in files.items()}
        return self._sizes

    def _cached(self, name: str) -> str | None:
        path = try_to_load_from_cache(self.name, name, revision=self.sha)
        return path if isinstance(path, str) else None

    def _read_start(self, name: str, num_bytes: int) -> bytes:
        """Return the first bytes of a file; stop reading if the server sends all of it."""
        headers = build_hf_headers() | {"Range": f"bytes=0-{num_bytes - 1}", "Accept-Encoding": "identity"}
        settings: dict[str, Any] = {"headers": headers, "follow_redirects": True}
        settings["timeout"] = constants.HF_HUB_DOWNLOAD_TIMEOUT
        start = b""
        with get_session().stream("GET", hf_hub_url(self.name, name, revision=self.sha), **settings) as response:
            try:
                hf_raise_for_status(response)
            except NONSENSE_ERRORS as error:  # raised while it reads the error response
                raise OSError(NONSENSE) from error
            for chunk in response.iter_bytes():
                start += chunk
                if len(start) >= num_bytes:
                    break
        return start[:num_bytes]


def files_of(source: str | Path, revision: str | None = None, local_files_only: bool = False) -> Folder:
    """Return the files of a local folder, or else of a Hub repository "owner/name" at a revision."""
    folder = Path(source)
    return Folder(folder) if folder.is_dir() else Repository(str(source), revision, local_files_only)


@contextmanager
def _explain_errors(repo_id: str) -> Iterator[None]:
    """Raise anything that the client raises as a ValueError of one sentence."""
    named = plain(repr(repo_id), 200)
    unreachable = f"{named} is no folder and not in the local cache, and the Hub cannot be reached"
    try:
        yield
    except HFValidationError:
        raise ValueError(f"{named} is neither a folder nor a Hub repository ('owner/name')") from None
    except GatedRepoError:
        raise ValueError(f"{named} is gated: ask for access on its page, then `hf auth login`") from None
    except RepositoryNotFoundError:
        raise ValueError(f"{named} is not on the Hub; a private one needs `hf auth login`") from None
    except RevisionNotFoundError:
        raise ValueError(f"{named} has no such revision on the Hub") from None
    except (RevisionResolutionError, LocalEntryNotFoundError, OfflineModeIsEnabled):
        raise ValueError(unreachable) from None
    except (HfHubHTTPError, EntryNotFoundError) as error:
        raise ValueError(f"{named} could not be loaded from the Hub: {plain(error, 160)}") from None
    except HTTPError:
        raise ValueError(unreachable) from None
    except NONSENSE_ERRORS as error:
        raise ValueError(f"{named} could not be loaded: {NONSENSE}") from error
    except OSError as error:
        raise ValueError(f"{named} could not be stored in the local cache: {plain(error, 160)}") from None
