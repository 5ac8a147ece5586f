"""Draw every model card, and the README's table of models, anew from the numbers: python docs/draw.py"""

from pathlib import Path

from vqzoo.hub.card import CARD, model_card
from vqzoo.hub.registry import list_models
from vqzoo.hub.table import zoo_table

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- zoo table: docs/draw.py -->\n", "\n<!-- end of zoo table -->"


def with_table(text: str, table: str) -> str:
    """`text` with what stands between the two marks replaced by `table`."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    return before + START + table + END + after


if __name__ == "__main__":
    for model in list_models():
        (model.source / CARD).write_text(model_card(model.metrics, model.config), encoding="utf-8")
    README.write_text(with_table(README.read_text(encoding="utf-8"), zoo_table(list_models())), encoding="utf-8")
