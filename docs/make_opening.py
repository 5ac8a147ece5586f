"""Compute the comparison that the app opens on, and store it in the package: `python docs/make_opening.py`."""

import json
from html import escape
from pathlib import Path

from vqzoo.files.storage import write_json
from vqzoo.hub.registry import list_models
from vqzoo.ui.components.source import read
from vqzoo.ui.frame import TAGLINE, TITLE
from vqzoo.ui.splash import TEMPLATE
from vqzoo.ui.theme import variables
from vqzoo.views.comparison import COLUMNS
from vqzoo.views.engine import Engine
from vqzoo.views.opening import FOLDER, opened, write
from vqzoo.views.table import html_table


def page(engine: Engine, folder: Path) -> dict[str, str]:
    """Return the values of the page that shows the comparison until the app has started: see vqzoo/ui/splash.html."""
    last = opened(engine, folder)
    assert last is not None
    pictures = last["viewer"]["pictures"]
    addresses = ["photograph.webp", *(f"{picture['name']}.webp" for picture in pictures[1:])]
    value = {**last["viewer"], "pictures": [{**p, "uri": at} for p, at in zip(pictures, addresses, strict=True)]}
    rows = [[("" if cell is None else escape(str(cell))) for cell in row] for row in last["table"]]
    return {
        "title": TITLE,
        "tagline": TAGLINE,
        "variables": variables(TEMPLATE.read_text(encoding="utf-8") + read("viewer", "css")),
        "table": html_table(list(COLUMNS), rows),
        "value": json.dumps(value, ensure_ascii=False).replace("</", "<\\/"),
    }


def make(folder: Path) -> None:
    """Compute and write all of it."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*"):
        old.unlink()
    engine = Engine(list_models())
    write(folder, engine)
    write_json(folder / "page.json", page(engine, folder))


if __name__ == "__main__":
    make(FOLDER)
    files = list(FOLDER.iterdir())
    print(f"{FOLDER.name}: {len(files)} files, {sum(file.stat().st_size for file in files) / 1000:.0f} kB")
