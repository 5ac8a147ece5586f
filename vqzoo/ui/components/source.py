"""The files of components; Gradio is not needed."""

from pathlib import Path

_HERE = Path(__file__).parent


def read(name: str, kind: str) -> str:
    """Return the text of a component's files of a kind, "html", "css" or "js": of `name`, then of `name`-*, by name."""
    paths = [_HERE / f"{name}.{kind}", *sorted(_HERE.glob(f"{name}-*.{kind}"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)
