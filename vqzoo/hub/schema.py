"""Schema of a card's files: a table of fields with types and ranges, which are checked when a file is read."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vqzoo.metrics.table import METRICS, names, recorded
from vqzoo.ops.text import plain

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")
_LARGE = 1e15
"""Default limit of numbers, beyond what tables, figures and sums can use."""

TEXT, CHOICE, NAME, WHOLE, NUMBER, OBJECT, LIST = "text", "choice", "name", "whole", "number", "object", "list"


@dataclass(frozen=True)
class Field:
    """One or more values of a kind in a JSON file.

    path: keys joined by dots; "*" matches each value of an object and each item of a list.
    low, high: range of a number, or of the length of an object or a list. choices: values of a "choice".
    A field that is not `needed` can be missing or null, which both mean that the value is not known.
    """

    path: str
    kind: str
    low: float = -_LARGE
    high: float = _LARGE
    needed: bool = False
    choices: Sequence[str] = ()


CONFIG_FIELDS = (
    Field("resolution", WHOLE, 1, 2**16, needed=True),
    Field("autoencoder", OBJECT, needed=True),
    Field("autoencoder.name", NAME, needed=True),
    Field("autoencoder.channels", WHOLE, 1, 2**16),
    Field("quantizer", LIST, 1, 64, needed=True),
    Field("quantizer.*", OBJECT, needed=True),
    Field("quantizer.*.name", NAME, needed=True),
    Field("quantizer.*.dim", WHOLE, 1, 2**20),
    Field("position", OBJECT, needed=True),
    Field("position.name", NAME, needed=True),
    Field("position.place", CHOICE, choices=("decoder", "encoder", "both")),
)
"""Fields of config.json, with a single quantizer as a list of one."""


def _numbers(path: str, names: Iterable[str]) -> list[Field]:
    """Return the fields of metrics, all optional except for the rate, by which lists of models are sorted."""
    rows = [(name, METRICS[name]) for name in names]
    return [
        Field(f"{path}.{name}", WHOLE if row.whole else NUMBER, *row.bounds, needed=name == "bits_per_image")
        for name, row in rows
    ]


METRICS_FIELDS = (
    Field("name", NAME),
    Field("dataset", TEXT, needed=True),
    Field("hub_id", TEXT),
    Field("split", TEXT),
    Field("license", NAME),
    Field("data", OBJECT),
    Field("data.images", OBJECT),
    Field("data.images.*", WHOLE, 0, needed=True),
    Field("stored_as", CHOICE, choices=("int8", "float16", "float32")),
    Field("metrics", OBJECT, needed=True),
    *_numbers("metrics", recorded()),
    Field("metrics.intervals", OBJECT),
    Field("metrics.intervals.*", LIST, 2, 2, needed=True),
    Field("metrics.intervals.*.*", NUMBER, needed=True),
    Field("metrics.num_images", WHOLE, 1),
    Field("metrics.protocol", TEXT),
    Field("metrics.lpips_network", TEXT),
    Field("metrics.selection", OBJECT),
    Field("metrics.selection.*", NUMBER, 0, 1, needed=True),
    Field("metrics.levels", LIST),
    Field("metrics.levels.*", OBJECT, needed=True),
    *_numbers("metrics.levels.*", names("usage")),
    Field("metrics.levels.*.selection", OBJECT),
    Field("metrics.levels.*.selection.*", NUMBER, 0, 1, needed=True),
    Field("behind", OBJECT),
    Field("behind.name", NAME, needed=True),
    Field("behind.bits_per_image", NUMBER, 0, needed=True),
    Field("behind.psnr", NUMBER, -1000, 1000, needed=True),
    Field("training", OBJECT, needed=True),
    Field("training.images", WHOLE, 1, needed=True),
    Field("training.full_budget_images", WHOLE, 0),
    Field("training.full_command", TEXT),
    Field("training.fit", TEXT),
    Field("training.steps", WHOLE, 0),
    Field("training.best_step", WHOLE, 0),
    Field("training.best_held_out", NUMBER),
    Field("training.seconds", NUMBER, 0, 1e12),
    Field("training.device", TEXT),
    Field("training.explained_variance", OBJECT),
    Field("training.explained_variance.*", LIST, 1),
    Field("training.explained_variance.*.*", NUMBER, -1e-6, 1 + 1e-6, needed=True),
    Field("training.recipe", OBJECT, needed=True),
    *(
        Field(f"training.recipe.{name}", WHOLE, 0)
        for name in ("batch_size", "bits", "codebook_size", "components", "crop", "held_out", "resolution", "seed")
    ),
    Field("training.recipe.stride", WHOLE, 1),
    Field("training.recipe.start_from", TEXT),
    Field("training.recipe.weights", OBJECT),
    Field("training.recipe.weights.*", NUMBER, needed=True),
    Field("curves", OBJECT),
    Field("curves.*", OBJECT),
    Field("curves.*.*", LIST, needed=True),
    Field("curves.*.*.*", NUMBER, -1e30, 1e30),
)
"""Fields of metrics.json. Other fields are not displayed, and have to hold plain text and finite numbers only."""


def check_fields(where: str, value: Mapping[str, Any], fields: Sequence[Field]) -> None:
    """Raise ValueError for the first field that does not fit, with its path, its value and what is expected."""
    for field in fields:
        for path, part in _values(value, field.path.split(".")):
            if (part is not None or field.needed) and not _fits(part, field):
                raise ValueError(f"{where}: {path} is {plain(repr(part), 60)}; expected {_expected(field)}")


def fits_metric(name: str, value: object) -> bool:
    """Return whether `name` is a metric of the table and `value` is in its range."""
    return name in recorded() and _fits(value, _numbers("metrics", [name])[0])


def is_name(text: object) -> bool:
    """Return whether a value is a valid name of a model: at most 96 letters, digits, dots, underscores and dashes."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def is_plain(text: str) -> bool:
    """Return whether a text is safe in HTML and Markdown: printable, without tags, at most 500 characters."""
    return len(text) <= 500 and text.isprintable() and not set("<>") & set(text)


def check_plain(where: str, value: Any) -> None:
    """Raise ValueError if nested JSON holds a text with markup or control characters, or a number too large."""
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts += [*part.keys(), *part.values()]
        elif isinstance(part, list):
            parts += part
        elif isinstance(part, str) and not is_plain(part):
            raise ValueError(f"{where}: {plain(repr(part), 80)} is too long, or has markup or control characters")
        elif isinstance(part, (int, float)) and not isinstance(part, bool) and not abs(part) < 1e300:
            raise ValueError(f"{where} holds NaN, infinity or a number beyond 1e300")


def check_curves(where: str, curves: Mapping[str, Any] | None) -> None:
    """Raise ValueError unless the columns of each split, which have passed `check_fields`, are of equal length."""
    for split, columns in (curves or {}).items():
        if columns and ("step" not in columns or len({len(column) for column in columns.values()}) != 1):
            raise ValueError(f"{where}: curves.{split} has to be lists of one length, with that of the step")


def _values(value: Any, path: Sequence[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of all values that a path matches; the value is None if only its parent exists."""
    if not path:
        yield prefix, value
        return
    key, *rest = path
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items() if key == "*" else [(key, value.get(key))]
    elif isinstance(value, list) and key == "*":
        items = enumerate(value)
    for name, inner in items:
        yield from _values(inner, rest, f"{prefix}.{name}" if prefix else str(name))


def _fits(value: Any, field: Field) -> bool:
    match field.kind:
        case "text":
            return isinstance(value, str)
        case "choice":
            return value in field.choices
        case "name":
            return is_name(value)
        case "whole":
            return type(value) is int and field.low <= value <= field.high
        case "number":
            return type(value) in (int, float) and field.low <= value <= field.high
        case "object" | "list":
            right = isinstance(value, dict if field.kind == OBJECT else list)
            return right and field.low <= len(value) <= field.high
    raise AssertionError(field.kind)


def _expected(field: Field) -> str:
    if field.kind == CHOICE:
        return f"one of {', '.join(field.choices)}"
    kinds = {TEXT: "a text", NAME: "a name", WHOLE: "a whole number", NUMBER: "a number", OBJECT: "an object"}
    bounds = f" of {field.low:g} to {field.high:g}" if field.kind == LIST and field.low > 0 else ""
    if field.kind in (WHOLE, NUMBER):
        bounds = f" from {field.low:.10g}" + (f" to {field.high:.10g}" if field.high < _LARGE else "")
    return kinds.get(field.kind, "a list") + bounds + ("" if field.needed else ", or null where it is not known")
