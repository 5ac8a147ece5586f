"""List of the tokenizers on the Hub: requested in the background, with the last answer cached on disk."""

import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelInfo, constants
from huggingface_hub.errors import HTTPError

from vqzoo.files.json import parse_json
from vqzoo.files.storage import write_text
from vqzoo.hub.model import Model, is_repo_id
from vqzoo.hub.schema import fits_metric, is_name, is_plain
from vqzoo.ops.check import is_sha
from vqzoo.ops.text import plain

FILTER = ["vqzoo", "image-tokenizer"]
MAX_MODELS = 2000
SECONDS = 5.0
"""Time to wait for the Hub before the last answer is used."""
FRESH = 600.0
"""Seconds for which the last answer is used without a new request."""

_EXPAND: Any = ["sha", "tags", "model-index", "safetensors"]  # a card's own metadata, malformed, would stop the client
_FORMAT = 1
_WIDTHS = {"F64": 8, "I64": 8, "F32": 4, "F16": 2, "BF16": 2, "I8": 1, "BOOL": 1}


@dataclass(frozen=True)
class Listing:
    """The Hub's list of tokenizers.

    models: each named like its repository, without the owner. age: seconds since the Hub's answer, None if it never
    answered. problem: one sentence if the Hub did not answer now; the models are then those of its last answer.
    """

    models: tuple[Model, ...]
    age: float | None
    problem: str | None = None


def listing(seconds: float = SECONDS, fresh: float = FRESH) -> Listing:
    """Return the tokenizers on the Hub within about `seconds`; never raises.

    An answer younger than `fresh` seconds is read from the disk. Otherwise another thread asks the Hub; if that takes
    longer than `seconds`, the last answer is returned, and the thread stores the new answer for the next call.
    """
    last = cached()
    if last.age is not None and last.age < fresh:
        return last
    request = _Request.running()
    request.join(seconds)
    if request.answer is not None:
        return Listing(request.answer, 0.0)
    return replace(cached(), problem=request.problem or f"the Hub did not answer within {seconds:g} s")


def cached() -> Listing:
    """Return the Hub's last answer of any age, without a request; an empty list if its file is damaged."""
    try:
        stored = parse_json((own_folder() / "live.json").read_bytes())
        if stored["format"] != _FORMAT or stored["endpoint"] != constants.ENDPOINT:
            return Listing((), None)
        models = tuple(model for entry in stored["models"] if (model := _model(entry)) is not None)
        return Listing(models, max(time.time() - float(stored["asked"]), 0.0))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Listing((), None)


class _Request(threading.Thread):
    """A request to the Hub that leaves its result in `answer` and on disk, or an error message in `problem`."""

    _lock = threading.Lock()
    _last: "_Request | None" = None

    @classmethod
    def running(cls) -> "_Request":
        """Return the pending request to this endpoint, or start a new one."""
        with cls._lock:
            if cls._last is None or not cls._last.is_alive() or cls._last.api.endpoint != constants.ENDPOINT:
                cls._last = cls()
                cls._last.start()
            return cls._last

    def __init__(self) -> None:
        super().__init__(name="vqzoo-live", daemon=True)
        self.answer: tuple[Model, ...] | None = None
        self.problem: str | None = None
        self.api, self._file = HfApi(), own_folder() / "live.json"

    def run(self) -> None:
        """Ask the Hub and store the answer."""
        try:
            infos = self.api.list_models(filter=FILTER, expand=_EXPAND)  # a generator that requests pages as needed
            entries = [_entry(info) for info in islice(infos, MAX_MODELS)]
            models = tuple(model for entry in entries if (model := _model(entry)) is not None)
        except Exception as error:  # a thread has no caller to raise to
            away = isinstance(error, (HTTPError, OSError))
            problem = "the Hub cannot be reached" if away else "the Hub's list could not be read"
            self.problem = f"{problem} ({plain(error, 120)})"
            return
        _store(self._file, {"format": _FORMAT, "endpoint": self.api.endpoint, "asked": time.time(), "models": entries})
        self.answer = models


def own_folder() -> Path:
    """Return the folder for vqzoo's own files on this machine, beside the cache of the Hub."""
    return Path(constants.HF_HOME) / "vqzoo"


def _store(path: Path, answer: dict[str, Any]) -> None:
    """Write the file, or nothing if the disk is full or read-only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(answer))
    except OSError:
        pass


def _entry(info: ModelInfo) -> dict[str, Any]:
    """Return the JSON values to store of a row of the Hub's list, in which strangers can write anything."""
    tags = [tag for tag in info.tags if isinstance(tag, str)] if isinstance(info.tags, list) else []
    datasets = _after("dataset:", tags)
    stored = info.safetensors.parameters if info.safetensors is not None else None
    numbers = stored.items() if isinstance(stored, dict) else ()
    metrics = dict(_results(info.model_index))
    for bits in _after("bits:", tags):
        if bits.isdecimal() and len(bits) <= 15:
            metrics.setdefault("bits_per_image", int(bits))
    return {
        "repo_id": info.id,
        "sha": info.sha,
        "quantizers": _after("quantizer:", tags),
        "position": next(iter(_after("pe:", tags)), None),
        "dataset": next(iter(datasets), None),
        "metrics": metrics,
        "size": sum(_WIDTHS.get(dtype, 4) * number for dtype, number in numbers if type(number) is int) or None,
    }


def _after(prefix: str, tags: Iterable[str]) -> list[str]:
    return [tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)]


def _results(index: Any) -> list[tuple[str, float]]:
    """Return the (metric, value) pairs of a card's model-index."""
    try:
        metrics = [row for model in index for result in model["results"] for row in result["metrics"]]
        pairs = [(row["type"], row["value"]) for row in metrics]
        return [(name, value) for name, value in pairs if fits_metric(name, value)]
    except (TypeError, KeyError):
        return []


def _model(entry: dict[str, Any]) -> Model | None:
    """Return the model of a stored row; None if the row lacks a valid id, commit or quantizer."""
    repo_id, sha, quantizers, position = (entry[key] for key in ("repo_id", "sha", "quantizers", "position"))
    if not is_repo_id(repo_id) or not is_sha(sha) or not quantizers or not all(map(is_name, quantizers)):
        return None
    metrics = {key: value for key, value in entry["metrics"].items() if fits_metric(key, value)}
    dataset, size = entry["dataset"], entry["size"]
    config = {
        "quantizer": [{"name": name} for name in quantizers],
        "position": {"name": position if is_name(position) else "none"},
    }
    record: dict[str, Any] = {"metrics": metrics}
    if isinstance(dataset, str) and is_plain(dataset):
        record["dataset"] = dataset
    name = repo_id.split("/")[1]
    return Model(name, None, config, record, "hub", repo_id, sha, size if type(size) is int else None)
