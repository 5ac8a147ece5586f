"""Write the shipped snapshot of published models: python -m vqzoo.hub.snapshot OWNER [OWNER ...]."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from vqzoo.files.storage import write_json
from vqzoo.hub.card import METRICS
from vqzoo.hub.fetch import published
from vqzoo.hub.live import Listing, listing
from vqzoo.hub.model import Model, to_entry
from vqzoo.hub.registry import SNAPSHOT, SNAPSHOT_FORMAT
from vqzoo.ops.text import brief


def take(owners: list[str], now: Listing) -> tuple[list[Model], list[str]]:
    """Return (these owners' models from the Hub's list, with their files read; a message for each one left out)."""
    models: dict[str, Model] = {}
    left: list[str] = []
    for listed in sorted(now.models, key=lambda model: (model.name, str(model.repo_id))):
        if listed.author not in owners:
            continue
        try:
            if listed.name in models:
                raise ValueError(f"{listed.repo_id}: {models[listed.name].repo_id} has this name already")
            models[listed.name] = _read(listed)
        except ValueError as error:
            left.append(str(error))
    return list(models.values()), left


def _read(listed: Model) -> Model:
    """Return a listed model with the full config and metrics of its files."""
    model = published(str(listed.repo_id), listed.revision)
    if not model.measured:
        raise ValueError(f"{model.repo_id}: there is no {METRICS}")
    metrics = {key: value for key, value in model.metrics.items() if key != "curves"}  # thousands of numbers
    return replace(model, metrics=metrics, origin="snapshot")


def main() -> None:
    """Ask the Hub and write the file; the exit code is 1 if a model was left out."""
    parser = argparse.ArgumentParser(prog="python -m vqzoo.hub.snapshot", description=__doc__)
    parser.add_argument("owners", nargs="+", metavar="OWNER", help="users or organisations whose models are listed")
    parser.add_argument("--output", type=Path, default=SNAPSHOT, help="the file; by default the one that is shipped")
    settings = parser.parse_args()
    now = listing(seconds=60, fresh=0)
    if now.problem:
        sys.exit(f"error: {now.problem}; nothing was written")
    models, left = take(settings.owners, now)
    write_json(settings.output, {"format": SNAPSHOT_FORMAT, "models": [to_entry(model) for model in models]})
    print(f"{settings.output}: {len(models)} models of {', '.join(settings.owners)}")
    for why in left:
        print("left out:", brief(why), file=sys.stderr)
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
