"""All sources as one list: what is on this machine, what vqzoo shipped with, and what the Hub has now."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vqzoo.hub.kept import Kept
from vqzoo.hub.live import Listing
from vqzoo.hub.model import Model
from vqzoo.hub.registry import merged


@dataclass(frozen=True)
class Entry:
    """One name. model: from the nearest source. others: models of repositories of this name that have no entry of their
    own. kept: what the local cache of the Hub holds of all of these."""

    model: Model
    others: tuple[Model, ...] = ()
    kept: tuple[Kept, ...] = ()


def catalog(local: Sequence[Model], shipped: Sequence[Model], now: Listing, kept: Sequence[Kept] = ()) -> list[Entry]:
    """One entry of each name, by name, merged as `registry.list_models` does; of what the cache holds and nobody lists,
    too."""
    known = {model.repo_id for model in (*shipped, *now.models)}
    left = [each.model for each in kept if each.model is not None and each.repo_id not in known]
    models = merged(local, shipped, replace(now, models=(*now.models, *left)))
    own = {model.repo_id for model in models if model.source is None}
    namesakes: dict[str, dict[str, Model]] = defaultdict(dict)
    for model in (*shipped, *now.models, *left):
        repo_id = str(model.repo_id)
        if repo_id not in own:
            namesakes[repo_id.split("/")[1]].setdefault(repo_id, model)
    entries = []
    for model in models:
        others = tuple(namesakes[model.name].values())
        ids = {model.repo_id, *(other.repo_id for other in others)}
        entries.append(Entry(model, others, tuple(each for each in kept if each.repo_id in ids)))
    return entries
