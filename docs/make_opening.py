"""Compute the answer and the comparison that the app opens with, and store them: `python docs/make_opening.py`."""

from pathlib import Path

from vqzoo.files.storage import write_json
from vqzoo.hub.registry import list_models
from vqzoo.ui.components.answer import answer_html
from vqzoo.ui.components.source import read as read_file
from vqzoo.ui.frame import TAGLINE, TITLE
from vqzoo.ui.splash import TEMPLATE
from vqzoo.ui.theme import variables
from vqzoo.views.engine import Engine
from vqzoo.views.opening import FOLDER, file_of, read, write


def page(engine: Engine, folder: Path) -> dict[str, str]:
    """Return the values of the page that shows the answer until the app has started: see vqzoo/ui/splash.html."""
    opening = read(engine, folder)
    assert opening is not None
    addresses = {"": "photograph.webp", **{name: file_of(name) for name in opening.results}}
    return {
        "title": TITLE,
        "tagline": TAGLINE,
        "variables": variables(TEMPLATE.read_text(encoding="utf-8") + read_file("answer", "css")),
        "answer": answer_html(opening.answer, addresses),
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
