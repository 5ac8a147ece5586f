"""`vqzoo list` and `vqzoo info`: the registry, as it is."""

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
from vqzoo.metrics.table import METRICS, known, names, show_of
from vqzoo.ops.check import check_choice

_SECONDS = 1.0
"""How long `info` waits for the Hub where a name is none that is known here, and so perhaps a mistake."""
_SHOWN = ("bits_per_image", *names("image", place="models"), "usage")


def run(settings: List | Info) -> int:
    """Either command."""
    return _list(settings) if isinstance(settings, List) else _info(settings)


def folder_of(source: str) -> Path:
    """The folder of a model on this machine: by its name, or the folder itself; ValueError offers the nearest names."""
    folder = _folder(source)
    return folder or cards_folder() / known_name(source, [model.name for model in local_models()[0]])


def find(source: str) -> Model:
    """The model of a name, in a folder, or of an "owner/name" that the registry knows; the Hub is asked last.

    Its metrics are empty where nothing was measured. ValueError offers the nearest names.
    """
    if folder := _folder(source):
        folder = folder.resolve()
        if (folder / RECORD).exists():
            return read_model(folder)
        config = read_json(folder / CONFIG)
        check_plain(f"{CONFIG} of {folder.name}", config)
        return Model(folder.name, folder, config, {})
    now = Listing((), None) if is_path(source) else listing(SECONDS if "/" in source else _SECONDS)
    models = merged(local_models()[0], shipped_models(), now)
    known = {model.repo_id: model for model in models} | {model.name: model for model in models}
    if source in known:
        return known[source]
    try:
        return known[known_name(source, [model.name for model in models])]
    except ValueError as error:
        raise ValueError(f"{error}; {now.problem}" if now.problem else error) from None


def _folder(source: str) -> Path | None:
    named = cards_folder() / source
    if is_name(source) and named.is_dir():
        return named
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
    models.sort(key=_place)
    if any(wanted is not None for wanted in (settings.quantizer, settings.dataset, settings.max_bits, settings.author)):
        damaged = []  # of which nobody knows that they are so
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
        note("no model is so" if cards_folder().is_dir() else no_cards())
    for each in damaged:
        print(f"{each.name}  damaged: {each.why}")
    return 0


def _note_age(live: bool) -> None:
    """Says so where the Hub did not answer now; `list_models` has taken its last answer then."""
    age = cached().age
    if live and (age is None or age > FRESH):
        note("the Hub did not answer" + ("" if age is None else f": what it said {age / 3600:.1f} hours ago"))


def _place(model: Model) -> tuple[str, float, str]:
    bits = model.metrics.get("metrics", {}).get("bits_per_image", math.inf)
    return model.metrics.get("dataset", ""), bits, model.name


def _summary(model: Model) -> dict[str, Any]:
    """What `list --json` tells of a model."""
    return {
        "name": model.name,
        "dataset": model.metrics.get("dataset"),
        "quantizers": quantizer_names(model.config),
        **_whence(model),
        "metrics": model.metrics.get("metrics", {}),
    }


def _whence(model: Model) -> dict[str, Any]:
    """Where it is, as far as that is known."""
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
    model = find(settings.source)
    record, files = model.metrics, _files(model)
    if settings.json:
        print_json({**record, "name": model.name, **_whence(model), "config": model.config, "files": files})
        return 0
    print(model.name)
    _section("where", {key: value for key, value in _whence(model).items() if value is not None})
    _section("config.json", {key: _words(value) for key, value in model.config.items()})
    if "metrics" in record:
        metrics = record["metrics"]
        measured = {metric: show_of(metric, metrics) for metric in known(metrics)}
        if metrics.get("num_images") is not None:  # a list of the Hub does not tell
            of = f"{metrics['num_images']:,} images of {record.get('dataset')} {record.get('split')}"
            measured = {"on": of, "protocol": metrics.get("protocol"), **measured}
        _section("measured", measured)
    if "training" in record:
        _section("trained", dict(training_facts(record)))
    _section("files", {name: f"{size:,} bytes" for name, size in files.items()})
    if damage := usage_damage(model):
        print(f"\ndamaged: {damage}")
    return 0


def _section(title: str, facts: dict[str, Any]) -> None:
    print(f"\n{title}")
    for key, value in facts.items():
        print(f"  {key:20}  {value}")


def _words(value: Any) -> str:
    """A setting for a reader: long lists are cut short."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items())
    if isinstance(value, list) and len(value) > 8:
        return f"[{', '.join(map(_words, value[:8]))}, ... {len(value)} in all]"
    if isinstance(value, list):
        return f"[{', '.join(map(_words, value))}]"
    return str(value)
