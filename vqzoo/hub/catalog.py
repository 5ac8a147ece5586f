"""Models of all sources in one list: this machine, the shipped snapshot, the Hub, and the Hub's local cache."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vqzoo.hub.cache import CachedModel
from vqzoo.hub.live import Listing
from vqzoo.hub.model import Model
from vqzoo.hub.registry import merged


@dataclass(frozen=True)
class Entry:
    """All models of one name.

    model: from the preferred source. others: models of repositories with this name that have no entry of their own.
    cached: those of all these models that the Hub's local cache holds.
    """

    model: Model
    others: tuple[Model, ...] = ()
    cached: tuple[CachedModel, ...] = ()


def catalog(
    local: Sequence[Model], shipped: Sequence[Model], now: Listing, cached: Sequence[CachedModel] = ()
) -> list[Entry]:
    """Return one entry per name, sorted by name and merged as in `registry.list_models`, cached models included."""
    listed = {model.repo_id for model in (*shipped, *now.models)}
    unlisted = [each.model for each in cached if each.model is not None and each.repo_id not in listed]
    models = merged(local, shipped, replace(now, models=(*now.models, *unlisted)))
    own = {model.repo_id for model in models if model.source is None}
    namesakes: dict[str, dict[str, Model]] = defaultdict(dict)
    for model in (*shipped, *now.models, *unlisted):
        repo_id = str(model.repo_id)
        if repo_id not in own:
            namesakes[repo_id.split("/")[1]].setdefault(repo_id, model)
    entries = []
    for model in models:
        others = tuple(namesakes[model.name].values())
        ids = {model.repo_id, *(other.repo_id for other in others)}
        entries.append(Entry(model, others, tuple(each for each in cached if each.repo_id in ids)))
    return entries
