"""A comparison as a ZIP archive: pictures, table, and the settings to repeat it."""

import io
import json
import platform
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vqzoo.analysis.formats import parse_label
from vqzoo.analysis.result import COSTS, Result
from vqzoo.files.download import Repository
from vqzoo.files.storage import WEIGHTS, WEIGHTS_LIMIT, Folder
from vqzoo.hub.registry import Model
from vqzoo.metrics.table import names
from vqzoo.ops.text import csv_text
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Engine, Photo
from vqzoo.views.pictures import png

_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the archive, so that the same comparison gives the same bytes."""
_FIGURES = names("image", "rate", "usage")
_LIBRARIES = ("vqzoo", "torch", "pillow")


def file_name(listed: Comparison) -> str:
    """Return the file name of the archive, the same for the same comparison."""
    mark = sha256("\n".join(sorted(listed.rows)).encode()).hexdigest()[:8]
    return f"vqzoo-{len(listed.rows)}-rows-side-{listed.side}-{mark}.zip"


def archive(engine: Engine, listed: Comparison) -> bytes:
    """Return the ZIP of a comparison: original.png, one PNG per row, table.csv and settings.json.

    Raises ValueError for an empty comparison or a photograph that no longer exists.
    """
    names = listed.rows
    if not names:
        raise ValueError("There is nothing to export yet: press Compare.")
    photo = engine.photo(listed.photo, listed.side)
    results = dict(zip(names, engine.recall(names, photo), strict=True))
    files = {"original.png": png(photo.pixels)}
    files |= {f"{_file(name)}.png": png(result.pixels) for name, result in results.items()}
    files["table.csv"] = _table(results)
    files["settings.json"] = json.dumps(
        _settings(engine, photo, listed.side, results), indent=2, ensure_ascii=False
    ).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as into:
        for name, content in files.items():
            into.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name)


def _table(results: dict[str, Result]) -> bytes:
    columns = (*_FIGURES, *COSTS)
    rows = [[name, *(result.metrics.get(column) for column in columns)] for name, result in results.items()]
    return csv_text(["name", *columns], rows).encode()


def _settings(engine: Engine, photo: Photo, longest: int, results: dict[str, Result]) -> dict[str, Any]:
    height, width = photo.pixels.shape[:2]
    return {
        "photograph": {
            "width": width,
            "height": height,
            "longest_side_asked_for": longest,
            "notes": photo.note,
            "sha256_of_pixels": sha256(photo.pixels.tobytes()).hexdigest(),
        },
        "rows": [_row(engine, name, result) for name, result in results.items()],
        "protocol": {
            "metrics": "lossless: reconstructions rounded to bytes, compared at the size shown, nothing compressed",
            "lpips": "lpips-squeeze-v0.1" if _has_lpips(list(results.values())) else None,
            "bits": "true bits: every index that decoding needs, before entropy coding; of a codec, the whole file",
        },
        "device": engine.describe_device().name,
        "versions": {**{name: version(name) for name in _LIBRARIES}, "python": platform.python_version()},
    }


def _has_lpips(results: Sequence[Result]) -> bool:
    return any(result.metrics["lpips"] is not None for result in results)


def _row(engine: Engine, name: str, result: Result) -> dict[str, Any]:
    if codec := parse_label(name):
        made: dict[str, Any] = {
            key: result.metrics[key] for key in ("quality", "met", "basis", "components") if key in result.metrics
        }
        return {"name": name, "codec": codec[0], "bits_asked_for": codec[1], **made}
    model = engine.models[name]
    weights = _weights(model)
    return {
        "name": name,
        "origin": model.origin,
        "repo_id": model.repo_id,
        "revision": model.revision,
        "sha256_of_weights": sha256(weights.read_bytes()).hexdigest(),
        "config": model.config,
    }


def _weights(model: Model) -> Path:
    """Return the path of the weights, in the cache of the Hub for a published model."""
    if model.source is not None:
        return Folder(model.source).path(WEIGHTS, WEIGHTS_LIMIT)
    return Repository(str(model.repo_id), model.revision).path(WEIGHTS, WEIGHTS_LIMIT)
