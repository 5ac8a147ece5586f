"""Compute the comparison that the app opens on, and keep it in the package: python docs/make_opening.py"""

import html
import json
from pathlib import Path
from typing import Any

from vqzoo.hub.registry import list_models
from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.frame import TAGLINE, TITLE
from vqzoo.ui.theme import variables
from vqzoo.views.comparison import COLUMNS
from vqzoo.views.engine import Engine
from vqzoo.views.opening import FOLDER, opened, write

_STYLE = """
body { margin: 0; padding: 24px; background: var(--body-background-fill); color: var(--body-text-color);
  font: 14px/1.5 ui-sans-serif, system-ui, sans-serif; color-scheme: light dark; }
h1 { margin: 0; font-size: 26px; letter-spacing: -0.02em; }
p { margin: 0 0 12px; color: var(--body-text-color-subdued); }
#starting { padding: 8px 12px; margin-bottom: 14px; border-left: 4px solid var(--primary-600);
  background: var(--background-fill-secondary); color: var(--body-text-color); }
#scroll { overflow-x: auto; margin-top: 18px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px 6px 0; text-align: left; white-space: nowrap; }
th { color: var(--body-text-color-subdued); font-weight: 500; }
td { border-top: 1px solid var(--border-color-primary); }
"""

_SCRIPT = """
const started = Date.now();
const look = async () => {
  const line = document.querySelector("#starting");
  const seconds = Math.round((Date.now() - started) / 1000);
  line.textContent = `Starting the app, ${seconds} s: this example is ready to look at.`;
  try {
    const answer = await fetch("config", { cache: "no-store" });
    if (answer.ok) { location.reload(); return; }
  } catch {}
  setTimeout(look, 300);
};
const mode = new URL(location.href).searchParams.get("__theme") || localStorage.getItem("vqzoo-theme");
if (mode) document.documentElement.className = mode;
const element = document.querySelector("#example");
const props = { value: JSON.parse(document.querySelector("#value").textContent) };
const watch = () => {}, trigger = () => {};
{
VIEWER
}
look();
"""


def page(last: dict[str, Any]) -> str:
    """A page of its own that shows the comparison until the app has started: the viewer, with its script and style."""
    component = viewer(last["viewer"], "viewer")
    pictures = last["viewer"]["pictures"]
    addresses = ["photograph.webp", *(f"{picture['name']}.webp" for picture in pictures[1:])]
    value = {**last["viewer"], "pictures": [{**p, "uri": at} for p, at in zip(pictures, addresses, strict=True)]}
    style = _STYLE + str(component.css_template)
    rows = [[*COLUMNS], *last["table"]]
    cells = [[("" if cell is None else html.escape(str(cell))) for cell in row] for row in rows]
    head = "".join(f"<th>{cell}</th>" for cell in cells[0])
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells[1:])
    data = json.dumps(value, ensure_ascii=False).replace("</", "<\\/")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>{variables(style)}{style}</style></head>
<body><h1>{TITLE}</h1><p>{TAGLINE}</p><div id="starting" role="status">Starting the app.</div>
<div id="example">{component.html_template}</div>
<div id="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>
<script type="application/json" id="value">{data}</script>
<script type="module">{_SCRIPT.replace("VIEWER", str(component.js_on_load))}</script></body></html>
"""


def make(folder: Path) -> None:
    """All of it."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*"):
        old.unlink()
    engine = Engine(list_models())
    write(folder, engine)
    last = opened(engine, folder)
    assert last is not None
    (folder / "page.html").write_text(page(last), encoding="utf-8")


if __name__ == "__main__":
    make(FOLDER)
    files = list(FOLDER.iterdir())
    print(f"{FOLDER.name}: {len(files)} files, {sum(file.stat().st_size for file in files) / 1000:.0f} kB")
