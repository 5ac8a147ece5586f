"""`vqzoo publish`: publish a card folder on the Hub; by default only show what would change."""

from vqzoo.cli.arguments import Publish
from vqzoo.cli.models import folder_of
from vqzoo.cli.show import note, print_json
from vqzoo.hub.publish import Plan, plan, publish
from vqzoo.ops.text import plain


def run(settings: Publish) -> int:
    """Publish a folder or show the changes; raise ValueError for files that disagree and for errors of the Hub."""
    folder = folder_of(settings.folder)
    if not settings.yes:
        _print(settings, plan(folder, settings.to))
        if not settings.json:
            note("nothing was changed: --yes publishes")
        return 0
    done = publish(folder, settings.to, private=settings.private, collection=settings.collection, tag=settings.tag)
    _print(settings, done.plan, commit=done.commit, url=done.url)
    return 0


def _print(settings: Publish, plan: Plan, commit: str | None = None, url: str | None = None) -> None:
    facts = {
        "repository": plan.repo_id,
        "parent": plan.parent,
        "private": settings.private,
        "collection": settings.collection,
        "tag": settings.tag,
        "commit": commit,
        "url": url,
    }
    if settings.json:
        print_json({**facts, "files": plan.files})
        return
    facts["parent"] = plan.parent or "none: the repository is new"
    for name, value in facts.items():
        if value:
            print(f"{name:12}{'yes' if value is True else plain(value)}")
    for file, state in plan.files.items():
        print(f"  {state:10}{file}")
