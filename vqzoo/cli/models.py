"""`vqzoo list` and `vqzoo info`: the registry."""

import math
from pathlib import Path
from typing import Any

from vqzoo.cli.arguments import Info, List
from vqzoo.cli.show import note, print_json, print_table
from vqzoo.files.storage import CONFIG, WEIGHTS, is_path, read_json
from vqzoo.hub.card import METRICS as RECORD
from vqzoo.hub.card import quantizer_names, show_images, training_facts
from vqzoo.hub.live import FRESH, SECONDS, Listing, cached
from vqzoo.hub.model import Model, matches, read_model
from vqzoo.hub.registry import (
    cards_folder,
    known_name,
    listing,
    local_models,
    merged,
    no_cards,
    shipped_models,
    usage_damage,
)
from vqzoo.hub.schema import check_plain, is_name
from vqzoo.metrics.table import METRICS, names, present, show_of
from vqzoo.ops.check import check_choice
from vqzoo.tokens.header import SUFFIX, facts, read_file

_SECONDS = 1.0
"""How long `info` waits for the Hub for an unknown name, which may be a typing mistake."""
_SHOWN = ("bits_per_image", *names("image", table="models"), "usage")


def run(settings: List | Info) -> int:
    """Run either command and return the exit code."""
    return _list(settings) if isinstance(settings, List) else _info(settings)


def folder_of(source: str) -> Path:
    """Return the folder of a local model, given its name or folder; a ValueError offers the nearest names."""
    folder = _folder(source)
    return folder or cards_folder() / known_name(source, [model.name for model in local_models()[0]])


def find(source: str) -> Model:
    """Return the model for a name, a folder, or an "owner/name" of the registry; the Hub is asked last.

    Its metrics are empty if nothing was measured. A ValueError offers the nearest names.
    """
    if folder := _folder(source):
        folder = folder.resolve()
        if (folder / RECORD).exists():
            return read_model(folder)
        config = read_json(folder / CONFIG)
        check_plain(f"{CONFIG} of {folder.name}", config)
        return Model(folder.name, folder, config, {})
    hub = Listing((), None) if is_path(source) else listing(SECONDS if "/" in source else _SECONDS)
    models = merged(local_models()[0], shipped_models(), hub)
    known = {model.repo_id: model for model in models} | {model.name: model for model in models}
    if source in known:
        return known[source]
    try:
        return known[known_name(source, [model.name for model in models])]
    except ValueError as error:
        raise ValueError(f"{error}; {hub.problem}" if hub.problem else error) from None


def _folder(source: str) -> Path | None:
    card = cards_folder() / source
    if is_name(source) and card.is_dir():
        return card
    return Path(source) if Path(source).is_dir() else None


def _list(settings: List) -> int:
    live = settings.live or settings.author is not None
    models, damaged = local_models()
    if live:
        models = merged(models, shipped_models(), listing())
    _note_age(live)
    known = {
        "quantizer": {name for model in models for name in quantizer_names(model.config)},
        "dataset": {model.metrics[key] for model in models for key in ("dataset", "hub_id") if model.metrics.get(key)},
    }
    for what, wanted in (("quantizer", settings.quantizer), ("dataset", settings.dataset)):
        if wanted is not None:
            check_choice(what, wanted, sorted(known[what]))
    models = [
        model
        for model in models
        if matches(
            model, settings.quantizer, settings.dataset, settings.max_bits, settings.max_megabytes, settings.author
        )
    ]
    models.sort(key=_order)
    if any(wanted is not None for wanted in (settings.quantizer, settings.dataset, settings.max_bits, settings.author)):
        damaged = []  # their properties are not known
    if settings.json:
        print_json([*map(_summary, models), *({"name": each.name, "damaged": each.why} for each in damaged)])
        return 0
    if models:
        rows = [
            [
                model.name,
                model.metrics.get("dataset", ""),
                ", ".join(quantizer_names(model.config)),
                *(show_of(metric, model.metrics.get("metrics", {})) for metric in _SHOWN),
                show_images(model.metrics) if "training" in model.metrics else "not available",
            ]
            for model in models
        ]
        print_table(
            ["model", "dataset", "quantizer", *(METRICS[metric].head for metric in _SHOWN), "images seen"],
            rows,
            texts=3,
        )
    elif not damaged:
        note("no model matches" if cards_folder().is_dir() else no_cards())
    for each in damaged:
        print(f"{each.name}  damaged: {each.why}")
    return 0


def _note_age(live: bool) -> None:
    """Print a note if the Hub did not answer now and `list_models` used its last answer."""
    age = cached().age
    if live and (age is None or age > FRESH):
        note("the Hub did not answer" + ("" if age is None else f": this is its answer of {age / 3600:.1f} hours ago"))


def _order(model: Model) -> tuple[str, float, str]:
    bits = model.metrics.get("metrics", {}).get("bits_per_image", math.inf)
    return model.metrics.get("dataset", ""), bits, model.name


def _summary(model: Model) -> dict[str, Any]:
    """Return what `list --json` prints for a model."""
    return {
        "name": model.name,
        "dataset": model.metrics.get("dataset"),
        "quantizers": quantizer_names(model.config),
        **_origin(model),
        "metrics": model.metrics.get("metrics", {}),
    }


def _origin(model: Model) -> dict[str, Any]:
    """Return the origin of a model, as far as it is known."""
    return {
        "origin": model.origin,
        "source": None if model.source is None else str(model.source),
        "repo_id": model.repo_id,
        "revision": model.revision,
    }


def _files(model: Model) -> dict[str, int]:
    if model.source is None:
        return {} if model.size is None else {WEIGHTS: model.size}
    return {path.name: path.stat().st_size for path in sorted(model.source.iterdir()) if path.is_file()}


def _info(settings: Info) -> int:
    if settings.source.endswith(SUFFIX) and Path(settings.source).is_file():
        return _file_info(settings)
    model = find(settings.source)
    record, files = model.metrics, _files(model)
    if settings.json:
        print_json({**record, "name": model.name, **_origin(model), "config": model.config, "files": files})
        return 0
    print(model.name)
    _section("where", {key: value for key, value in _origin(model).items() if value is not None})
    _section("config.json", {key: _readable(value) for key, value in model.config.items()})
    if "metrics" in record:
        metrics = record["metrics"]
        measured = {metric: show_of(metric, metrics) for metric in present(metrics)}
        if metrics.get("num_images") is not None:  # the Hub's list does not state it
            of = f"{metrics['num_images']:,} images of {record.get('dataset')} {record.get('split')}"
            measured = {"on": of, "protocol": metrics.get("protocol"), **measured}
        _section("measured", measured)
    if "training" in record:
        _section("trained", dict(training_facts(record)))
    _section("files", {name: f"{size:,} bytes" for name, size in files.items()})
    if damage := usage_damage(model):
        print(f"\ndamaged: {damage}")
    return 0


def _file_info(settings: Info) -> int:
    """Print what a .vqz file says about itself; its model need not be here."""
    try:
        told = facts(read_file(Path(settings.source)))
    except ValueError as error:
        raise ValueError(f"{settings.source}: {error}") from None
    if settings.json:
        print_json(told)
        return 0
    print(Path(settings.source).name)
    _section("a picture's tokens", {key: value for key, value in told.items() if value is not None})
    return 0


def _section(title: str, facts: dict[str, Any]) -> None:
    print(f"\n{title}")
    for key, value in facts.items():
        print(f"  {key:20}  {value}")


def _readable(value: Any) -> str:
    """Return a setting as text; long lists are cut short."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_readable(each)}" for key, each in value.items())
    if isinstance(value, list) and len(value) > 8:
        return f"[{', '.join(map(_readable, value[:8]))}, ... {len(value)} in all]"
    if isinstance(value, list):
        return f"[{', '.join(map(_readable, value))}]"
    return str(value)
